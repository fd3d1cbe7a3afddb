import { LegalHold as LegalHoldRow, RetentionMode as ModeRow } from "../gen/skerry/meta/v1/rows_pb.js";

export type RetentionMode = "GOVERNANCE" | "COMPLIANCE";
export type LegalHold = "ON" | "OFF";

export interface Retention {
  readonly mode: RetentionMode;
  readonly untilMs: number;
}

export const RETENTION_MODES: Readonly<Record<RetentionMode, ModeRow>> = {
  GOVERNANCE: ModeRow.GOVERNANCE,
  COMPLIANCE: ModeRow.COMPLIANCE,
};

export const LEGAL_HOLDS: Readonly<Record<LegalHold, LegalHoldRow>> = {
  ON: LegalHoldRow.ON,
  OFF: LegalHoldRow.OFF,
};

export function retentionModeFromRow(mode: ModeRow): RetentionMode | undefined {
  switch (mode) {
    case ModeRow.GOVERNANCE:
      return "GOVERNANCE";
    case ModeRow.COMPLIANCE:
      return "COMPLIANCE";
    case ModeRow.UNSPECIFIED:
      return undefined;
  }
}

export function legalHoldFromRow(hold: LegalHoldRow): LegalHold | undefined {
  switch (hold) {
    case LegalHoldRow.ON:
      return "ON";
    case LegalHoldRow.OFF:
      return "OFF";
    case LegalHoldRow.UNSPECIFIED:
      return undefined;
  }
}
