/** A loud moment of a score series. */
export interface ScoreEvent {
  readonly kind: "event";
  /** Sample at which the score peaks, counted from the GPS epoch at `sampleRate`. */
  readonly index: number;
  /** Hz of the series: `indexToNs(index, sampleRate)` is the event's GPS time. */
  readonly sampleRate: number;
  /** Score at the peak. */
  readonly statistic: number;
  /** The series' channel in which it was found. */
  readonly channel: string;
}
