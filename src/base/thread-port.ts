/** One end of a channel between two threads. Messages arrive in the order in which they were sent. */
export interface ThreadPort<Send, Receive> {
  /** `handOver`: buffers that are not copied; the sender has them no more. */
  post(message: Send, handOver?: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: Receive) => void): void;
}
