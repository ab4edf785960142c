import { render } from "preact";
import { App } from "./app.tsx";
import { keepOffline } from "./offline.ts";

const home = document.getElementById("app");
if (home) render(<App />, home);
keepOffline();
