import { protocolFault } from "../errors.ts";
import { ReceiveWindow } from "../flow/receive-window.ts";
import type { Sender } from "../flow/sender.ts";
import type { ByteSocket } from "../frames/byte-socket.ts";
import { ControlFrames, sized } from "../frames/control-frames.ts";
import { FrameBudget } from "../frames/frame-budget.ts";
import type { FrameSink } from "../frames/frame-reader.ts";
import { type HeaderBlock, HeaderBlocks } from "../frames/header-blocks.ts";
import type { Outbox } from "../frames/outbox.ts";
import * as write from "../frames/write-frames.ts";
import { createHpackDecoder } from "../hpack/decoder.ts";
import * as h2 from "../protocol.ts";
import { HEADER_LIST_SIZE } from "./allowances.ts";
import type { OpenStream } from "./client-stream.ts";
import type { StreamTable } from "./stream-table.ts";

/** What a frame costs that carries nothing. */
const EMPTY_COST = 10;

/** What frames that come in act upon. */
export interface Reached {
  readonly socket: ByteSocket;
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly streams: StreamTable;
  /** The other side has said its settings: the first of them, or others. */
  settled(): void;
  /** The other side goes away. */
  goesAway(): void;
  resetBy(stream: OpenStream, code: number): void;
  /** A stream has left the table. */
  rest(): void;
}

/** Does what the other side's frames say. */
export class Incoming implements FrameSink {
  private readonly to: Reached;
  private readonly blocks = new HeaderBlocks(HEADER_LIST_SIZE);
  private readonly hpack = createHpackDecoder(h2.DEFAULT_TABLE_SIZE, HEADER_LIST_SIZE);
  private readonly budget = new FrameBudget();
  private readonly control: ControlFrames;
  private readonly received: ReceiveWindow;
  /** The open stream that the DATA frame under way belongs to. */
  private current: OpenStream | undefined;
  private lastAnswered: number = h2.LARGEST_STREAM_ID;
  private isReady = false;

  constructor(to: Reached, windowSize: number) {
    this.to = to;
    this.control = new ControlFrames(to.socket, to.outbox, this.budget);
    this.received = new ReceiveWindow(windowSize);
  }

  begin(type: number, flags: number, streamId: number, size: number): boolean {
    this.blocks.begin(type, streamId);
    if (!this.isReady && (type !== h2.SETTINGS || (flags & h2.ACK) !== 0))
      throw protocolFault("PROTOCOL_ERROR", "it does not begin with its settings");
    if (type === h2.DATA) {
      this.beginData(streamId, size, flags);
      return true;
    }
    if (type === h2.PRIORITY || type > h2.CONTINUATION) {
      this.budget.spend(EMPTY_COST);
      return false;
    }
    return true;
  }

  data(_: number, bytes: Buffer): void {
    const { current } = this;
    if (current !== undefined) this.judge(current, current.takeData(bytes));
  }

  dataEnd(_: number, flags: number): void {
    const { current } = this;
    const all = this.received.giveBack();
    if (all > 0) write.writeWindowUpdate(this.to.outbox, 0, all);
    if (current === undefined) return;
    this.current = undefined;
    if ((flags & h2.END_STREAM) !== 0) return this.judge(current, current.takeEnd());
    const own = current.received.giveBack();
    if (own > 0 && this.to.streams.get(current.id) === current)
      write.writeWindowUpdate(this.to.outbox, current.id, own);
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    switch (type) {
      case h2.HEADERS:
        return this.takeBlock(this.blocks.headers(flags, streamId, payload));
      case h2.CONTINUATION:
        return this.takeBlock(this.blocks.continuation(flags, payload));
      case h2.WINDOW_UPDATE:
        return this.takeWindow(streamId, sized(payload, 4).readUInt32BE(0) & 0x7fffffff);
      case h2.RST_STREAM:
        return this.takeReset(streamId, sized(payload, 4).readUInt32BE(0));
      case h2.PUSH_PROMISE:
        throw protocolFault("PROTOCOL_ERROR", "a push, which was not allowed");
      default:
        if (streamId !== 0) throw protocolFault("PROTOCOL_ERROR", `a frame of type ${type} on a stream`);
        if (type === h2.SETTINGS) this.takeSettings(flags, payload);
        else if (type === h2.PING) this.control.ping(flags, payload);
        else this.takeGoaway(payload);
    }
  }

  private beginData(streamId: number, size: number, flags: number): void {
    this.received.take(size);
    const stream = this.open(streamId, "DATA");
    this.current = stream;
    if (size === 0 && (flags & h2.END_STREAM) === 0) this.budget.spend(EMPTY_COST);
    stream?.received.take(size);
  }

  /** The stream that a frame is on, if it is open still. @throws `http2-protocol` where there can be none */
  private open(id: number, what: string): OpenStream | undefined {
    const stream = this.to.streams.get(id);
    if (stream !== undefined && !stream.isAnswered) return stream;
    if (this.to.streams.isIdle(id))
      throw protocolFault("PROTOCOL_ERROR", `${what} on stream ${id}, which nobody began`);
    if (!this.to.streams.mayTrail(id))
      throw protocolFault("STREAM_CLOSED", `${what} on stream ${id} after its end`);
    return undefined;
  }

  private takeBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    const stream = this.open(block.streamId, "HEADERS");
    // The table must know what was in it, whoever it was for.
    const headers = this.hpack.decode(block.bytes);
    if (stream === undefined) return;
    this.judge(
      stream,
      headers === undefined
        ? `headers of more than ${HEADER_LIST_SIZE} bytes`
        : stream.takeHeaders(headers, block.last),
    );
  }

  /** Gives a stream up of which something came that is no response. */
  private judge(stream: OpenStream, problem: string | undefined): void {
    if (problem === undefined) return;
    const code = h2.ERROR_CODES.PROTOCOL_ERROR;
    stream.fail({ reason: "reset", code, message: `what came is no response: ${problem}` });
    this.to.resetBy(stream, code);
  }

  private takeWindow(streamId: number, bytes: number): void {
    if (bytes === 0) throw protocolFault("PROTOCOL_ERROR", "a window is to grow by 0");
    if (streamId === 0) this.to.sender.widen(bytes);
    else {
      const stream = this.to.streams.get(streamId);
      if (stream === undefined) {
        if (this.to.streams.isIdle(streamId))
          throw protocolFault("PROTOCOL_ERROR", `a window for stream ${streamId}, which nobody began`);
        return;
      }
      stream.window += bytes;
      if (stream.window > h2.LARGEST_WINDOW)
        throw protocolFault("FLOW_CONTROL_ERROR", `the window of stream ${streamId} is past 2^31 - 1`);
      if (stream.queue.size > 0) this.to.sender.add(stream);
    }
  }

  private takeReset(streamId: number, code: number): void {
    if (this.to.streams.isIdle(streamId))
      throw protocolFault("PROTOCOL_ERROR", `a reset of stream ${streamId}, which nobody began`);
    const stream = this.to.streams.get(streamId);
    if (stream === undefined) return;
    this.to.streams.remove(stream);
    this.to.sender.remove(stream);
    const reason = code === h2.ERROR_CODES.REFUSED_STREAM && !stream.isBegun ? "refused" : "reset";
    stream.fail({ reason, code, message: `the stream was reset (HTTP/2 code ${code})` });
    this.to.rest();
  }

  private takeSettings(flags: number, payload: Buffer): void {
    const settings = this.control.settings(flags, payload);
    if (settings === undefined) return;
    for (const [id, value] of settings) {
      if (id === h2.MAX_FRAME_SIZE) this.to.sender.maxFrameSize = value;
      else if (id === h2.MAX_CONCURRENT_STREAMS) this.to.streams.limit = value;
      else if (id === h2.INITIAL_WINDOW_SIZE) this.to.sender.resizeWindows(value, this.to.streams.begun());
    }
    this.control.settled();
    this.isReady = true;
    this.to.settled();
  }

  private takeGoaway(payload: Buffer): void {
    if (payload.length < 8) throw protocolFault("FRAME_SIZE_ERROR", "a GOAWAY without its reason");
    const lastId = payload.readUInt32BE(0) & 0x7fffffff;
    if (lastId > this.lastAnswered)
      throw protocolFault("PROTOCOL_ERROR", "a GOAWAY takes back what an earlier one refused");
    this.lastAnswered = lastId;
    this.to.goesAway();
    for (const stream of this.to.streams.refuseAfter(lastId)) this.to.sender.remove(stream);
    this.to.rest();
  }
}
