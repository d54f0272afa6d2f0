export type HeaderValue = Buffer | null | (Buffer | null)[];

/** What kafkajs tells of the batch that a record lay in. */
export interface BatchContext {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly partitionLeaderEpoch: number;
  readonly inTransaction: boolean;
  readonly isControlBatch: boolean;
  readonly lastOffsetDelta: number;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly maxTimestamp: string;
  /** KIP-32: 0 where it is the producer's, 1 where it is the broker's. */
  readonly timestampType: number;
  readonly magicByte: number;
}

const NO_HEADERS: Readonly<Record<string, HeaderValue>> = Object.freeze({});

/**
 * A record with the fields that kafkajs gives it. Offset and timestamp are numbers until somebody wants them as text: whoever reads
 * millions of records does not. Key and value are views of the fetched bytes, as kafkajs gives them.
 */
export class FetchedRecord {
  readonly position: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly attributes: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, HeaderValue>>;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;

  constructor(
    batchContext: BatchContext,
    position: number,
    at: number,
    attributes: number,
    key: Buffer | null,
    value: Buffer | null,
    headers: Readonly<Record<string, HeaderValue>> | null,
    isControlRecord: boolean,
  ) {
    this.position = position;
    this.at = at;
    this.attributes = attributes;
    this.key = key;
    this.value = value;
    this.headers = headers ?? NO_HEADERS;
    this.isControlRecord = isControlRecord;
    this.batchContext = batchContext;
  }

  get offset(): string {
    return String(this.position);
  }

  get timestamp(): string {
    return String(this.at);
  }

  get magicByte(): number {
    return this.batchContext.magicByte;
  }
}
