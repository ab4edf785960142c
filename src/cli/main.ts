#!/usr/bin/env node
import { Command } from "commander";
import { trainCommand } from "./commands/train.ts";
const program = new Command("infini").addCommand(trainCommand());
await program.parseAsync();
