/** What the transport tells those who watch. */
export type TransportEvent =
  | { readonly kind: "peer-connected"; readonly peer: number }
  | {
      readonly kind: "peer-disconnected";
      readonly peer: number;
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: "peer-refused"; readonly peer: number; readonly code: string; readonly message: string }
  | { readonly kind: "messages-dropped"; readonly peer: number; readonly count: number };
