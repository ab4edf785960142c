/**
 * Frees the memory of buffers that are no longer read, at once. ONNX Runtime returns a copy of every output, even of
 * those that it has written into given tensors; the garbage collector, which sees small objects and not what they hold,
 * would let tens of megabytes of them pile up.
 *
 * A buffer transferred to a closed port has no owner. (Node 22 has `ArrayBuffer.prototype.transfer` for it.)
 */
export function discard(buffers: readonly ArrayBufferLike[]): void {
  const transferable = buffers.filter((buffer) => buffer instanceof ArrayBuffer);
  if (transferable.length > 0) closedPort().postMessage(undefined, transferable);
}

// --- internal ---

type Port = InstanceType<typeof MessageChannel>["port1"];

let port: Port | undefined;

function closedPort(): Port {
  if (port) return port;
  port = new MessageChannel().port1;
  port.close();
  return port;
}
