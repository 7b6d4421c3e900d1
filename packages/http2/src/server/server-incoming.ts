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
import type { Header } from "../headers.ts";
import { BlockMemory } from "../hpack/block-memory.ts";
import { createHpackDecoder } from "../hpack/decoder.ts";
import * as h2 from "../protocol.ts";
import { CONNECTION_WINDOW_SIZE, HEADER_LIST_SIZE, MAX_STREAMS, MOST_HELD } from "./allowances.ts";
import { readRequest, type SaidRequest } from "./request.ts";
import type { RequestTable } from "./request-table.ts";
import type { RequestStream } from "./server-stream.ts";

/* What frames cost that carry next to nothing. A change of all streams' windows costs more the more there are. */
const EMPTY_COST = 10;
const SMALL_COST = 1;
const SMALL_SIZE = 64;
const STREAMS_PER_COST = 10;

/** A stream that is begun and given up costs its client nothing, and us a call. Hundreds at once may be an honest change of mind. */
const RESETS = { atOnce: 1000, perMs: 0.1, what: "streams that are given up" };

/** What frames that come in act upon. */
export interface Reached {
  readonly socket: ByteSocket;
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly streams: RequestTable;
  /** Bytes of all streams that listeners do not take. */
  readonly held: number;
  /** The client has said its settings. */
  ready(): void;
  /** @param isWhole that nothing follows its header section */
  begin(id: number, request: SaidRequest, isWhole: boolean): RequestStream;
  /** The client answers a ping of ours. */
  pinged(payload: Buffer): void;
  clientLeaves(): void;
  resetBy(stream: RequestStream, code: number): void;
  forget(stream: RequestStream): void;
}

/** Does what the client's frames say. */
export class ServerIncoming implements FrameSink {
  private readonly to: Reached;
  private readonly blocks = new HeaderBlocks(HEADER_LIST_SIZE);
  private readonly hpack = new BlockMemory(createHpackDecoder(h2.DEFAULT_TABLE_SIZE, HEADER_LIST_SIZE));
  private readonly budget = new FrameBudget();
  private readonly resets = new FrameBudget(RESETS);
  private readonly control: ControlFrames;
  private readonly received = new ReceiveWindow(CONNECTION_WINDOW_SIZE);
  /** The open stream that the DATA frame under way belongs to. */
  private current: RequestStream | undefined;
  private isReady = false;
  /** The last header section and what it said: the decoder gives the same one where the same came. */
  private section: readonly Header[] | undefined;
  private request: SaidRequest | string = "";

  constructor(to: Reached) {
    this.to = to;
    this.control = new ControlFrames(to.socket, to.outbox, this.budget);
  }

  begin(type: number, flags: number, streamId: number, size: number): boolean {
    this.blocks.begin(type, streamId);
    if (!this.isReady && (type !== h2.SETTINGS || (flags & h2.ACK) !== 0))
      throw protocolFault("PROTOCOL_ERROR", "it does not begin with its settings");
    if (type === h2.DATA) this.beginData(streamId, size, flags);
    else if (type === h2.PRIORITY || type > h2.CONTINUATION) {
      this.budget.spend(EMPTY_COST);
      if (type === h2.PRIORITY) checkPriority(streamId, size);
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
    this.current = undefined;
    this.widenConnection();
    if (current === undefined) return;
    if ((flags & h2.END_STREAM) !== 0) this.judge(current, current.takeEnd());
    else this.widen(current);
  }

  /** Lets the client send as much as is not held. */
  widen(stream: RequestStream): void {
    if (stream.hasHeardAll || this.to.streams.open.get(stream.id) !== stream) return;
    const bytes = stream.received.giveBack(stream.heldSize);
    if (bytes > 0) write.writeWindowUpdate(this.to.outbox, stream.id, bytes);
  }

  widenConnection(): void {
    const bytes = this.received.giveBack(Math.max(0, this.to.held - MOST_HELD));
    if (bytes > 0) write.writeWindowUpdate(this.to.outbox, 0, bytes);
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
        sized(payload, 4);
        return this.takeReset(streamId);
      case h2.PUSH_PROMISE:
        throw protocolFault("PROTOCOL_ERROR", "a push, which is a server's");
      default:
        if (streamId !== 0) throw protocolFault("PROTOCOL_ERROR", `a frame of type ${type} on a stream`);
        if (type === h2.SETTINGS) this.takeSettings(flags, payload);
        else if (type === h2.PING) {
          if (this.control.ping(flags, payload)) this.to.pinged(payload);
        } else if (payload.length < 8) throw protocolFault("FRAME_SIZE_ERROR", "a GOAWAY without its reason");
        else this.to.clientLeaves();
    }
  }

  private beginData(streamId: number, size: number, flags: number): void {
    this.received.take(size);
    this.current = this.open(streamId, "DATA");
    const isLast = (flags & h2.END_STREAM) !== 0;
    if (!isLast && size < SMALL_SIZE) this.budget.spend(size === 0 ? EMPTY_COST : SMALL_COST);
    this.current?.received.take(size);
  }

  /** The stream that a frame is on, if it is open still. @throws `http2-protocol` where there can be none */
  private open(id: number, what: string): RequestStream | undefined {
    const { streams } = this.to;
    const stream = streams.open.get(id);
    if (stream !== undefined) {
      if (!stream.hasHeardAll) return stream;
      this.giveUp(stream, h2.ERROR_CODES.STREAM_CLOSED);
    } else if (streams.isIdle(id))
      throw protocolFault("PROTOCOL_ERROR", `${what} on stream ${id}, which nobody began`);
    else if (!streams.mayTrail(id))
      throw protocolFault("STREAM_CLOSED", `${what} on stream ${id} after its end`);
    return undefined;
  }

  private takeBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    const { streamId, last } = block;
    const { streams } = this.to;
    const isNew = streamId % 2 === 1 && streamId > streams.lastId;
    const stream = isNew ? undefined : this.open(streamId, "HEADERS");
    // The table must know what was in it, whoever it was for.
    const section = this.hpack.decode(block.bytes);
    if (isNew) {
      streams.lastId = streamId;
      if (streamId <= streams.lastServed) this.takeRequest(streamId, section, last);
    } else if (stream !== undefined)
      this.judge(stream, last && section !== undefined ? stream.takeEnd() : "trailers that are not the end");
  }

  private takeRequest(id: number, section: readonly Header[] | undefined, last: boolean): void {
    const { streams } = this.to;
    if (section === undefined) return this.refuse(id, h2.ERROR_CODES.ENHANCE_YOUR_CALM);
    if (section !== this.section) {
      this.section = section;
      this.request = readRequest(section);
    }
    const { request } = this;
    if (typeof request === "string") return this.refuse(id, h2.ERROR_CODES.PROTOCOL_ERROR);
    if (streams.open.size >= MAX_STREAMS) return this.refuse(id, h2.ERROR_CODES.REFUSED_STREAM);
    const stream = this.to.begin(id, request, last);
    if (last) this.judge(stream, stream.takeEnd());
  }

  /** Resets a stream that was never begun. */
  private refuse(id: number, code: number): void {
    this.resets.spend(1);
    this.to.streams.trailing.note(id);
    write.writeReset(this.to.outbox, id, code);
  }

  /** Gives a stream up of which something came that is no request. */
  private judge(stream: RequestStream, problem: string | undefined): void {
    if (problem !== undefined) this.giveUp(stream, h2.ERROR_CODES.PROTOCOL_ERROR);
  }

  private giveUp(stream: RequestStream, code: number): void {
    if (this.to.streams.open.get(stream.id) !== stream) return;
    this.resets.spend(1);
    stream.lose();
    this.to.resetBy(stream, code);
  }

  private takeWindow(streamId: number, bytes: number): void {
    this.budget.spend(SMALL_COST);
    const { streams, sender } = this.to;
    if (streamId === 0) {
      if (bytes === 0) throw protocolFault("PROTOCOL_ERROR", "the connection's window is to grow by 0");
      sender.widen(bytes);
      return;
    }
    if (streams.isIdle(streamId))
      throw protocolFault("PROTOCOL_ERROR", `a window for stream ${streamId}, which nobody began`);
    const stream = streams.open.get(streamId);
    if (stream === undefined) return;
    if (bytes === 0) return this.giveUp(stream, h2.ERROR_CODES.PROTOCOL_ERROR);
    stream.window += bytes;
    if (stream.window > h2.LARGEST_WINDOW) this.giveUp(stream, h2.ERROR_CODES.FLOW_CONTROL_ERROR);
    else if (stream.queue.size > 0) sender.add(stream);
  }

  private takeReset(streamId: number): void {
    const { streams } = this.to;
    if (streams.isIdle(streamId))
      throw protocolFault("PROTOCOL_ERROR", `a reset of stream ${streamId}, which nobody began`);
    const stream = streams.open.get(streamId);
    if (stream === undefined) {
      this.budget.spend(EMPTY_COST);
      return;
    }
    this.resets.spend(1);
    stream.lose();
    this.to.forget(stream);
  }

  private takeSettings(flags: number, payload: Buffer): void {
    const settings = this.control.settings(flags, payload);
    if (settings === undefined) return;
    const { sender, streams } = this.to;
    for (const [id, value] of settings) {
      if (id === h2.MAX_FRAME_SIZE) sender.maxFrameSize = value;
      else if (id === h2.INITIAL_WINDOW_SIZE) {
        this.budget.spend(Math.ceil(streams.open.size / STREAMS_PER_COST));
        sender.resizeWindows(value, streams.open.values());
      }
    }
    this.control.settled();
    if (this.isReady) return;
    this.isReady = true;
    this.to.ready();
  }
}

function checkPriority(streamId: number, size: number): void {
  if (streamId === 0) throw protocolFault("PROTOCOL_ERROR", "a priority of no stream");
  if (size !== 5) throw protocolFault("FRAME_SIZE_ERROR", `a priority of ${size} bytes`);
}
