// Client protocol 1, from the bytes of a WebSocket message to frames and back, in both encodings.
// docs/hub.v1.proto is the contract, docs/protocol.md says what it means. The codec knows nothing
// of sessions, limits of rate or rights, and keeps no state: a message is whole when it comes here.
//
// Hand-written instead of generated: the one description of each message serves both encodings,
// makes the Model's own types without an intermediate copy, and reports the field and the id that
// an error reply needs.

import Glibc
package import Model

/// How frames are written; fixed by the WebSocket subprotocol for the life of a connection.
package enum Encoding: Int, CaseIterable, Sendable {
    /// Text messages; frames are JSON objects separated by line feeds.
    case json = 0
    /// Binary messages; every frame has its length in front as a varint.
    case proto = 1

    /// The name in `Sec-WebSocket-Protocol`.
    package var subprotocol: String {
        switch self {
        case .json: "hub.v1.json"
        case .proto: "hub.v1.proto"
        }
    }

    package init?(subprotocol: some StringProtocol) {
        guard let match = Encoding.allCases.first(where: { $0.subprotocol == subprotocol }) else {
            return nil
        }
        self = match
    }

    /// The place of this form in `Broadcast.encoded`.
    package var index: Int { rawValue }
}

package enum ProtocolCodec {
    // MARK: The hub's side

    /// Gives the frames of one WebSocket message to `each`, in order, with an error in the place of
    /// every frame that cannot be accepted. Reply to an error with `error.reply`, and with the id 0
    /// when `error.id` is `nil`; after one that `isFatal`, nothing more comes and the connection
    /// must be closed with `error.closeCode`. `message` is only read during the call.
    package static func decodeClientFrames(
        from message: UnsafeRawBufferPointer, _ encoding: Encoding,
        each: (Result<ClientFrame, DecodeError>) -> Void
    ) {
        split(message, encoding, framesMax: DecodeLimits.framesMax) { bytes, fault in
            if let fault {
                each(.failure(fault))
                return true
            }
            do throws(DecodeError) {
                each(.success(try clientFrame(bytes, encoding)))
                return true
            } catch {
                each(.failure(error))
                return !error.isFatal
            }
        }
    }

    package static func decodeClientFrames(
        from message: [UInt8], _ encoding: Encoding,
        each: (Result<ClientFrame, DecodeError>) -> Void
    ) {
        message.withUnsafeBytes { decodeClientFrames(from: $0, encoding, each: each) }
    }

    /// Appends one frame as it stands in a WebSocket message. `isFirst` is false for every frame
    /// but the first of a message.
    package static func append(
        _ frame: ServerFrame, _ encoding: Encoding, to out: inout [UInt8], isFirst: Bool = true
    ) {
        write(Frame(id: frame.id, body: frame.body), encoding, to: &out, isFirst: isFirst)
    }

    /// The frame as it stands alone in a WebSocket message, behind `count` bytes that are left for a header.
    /// The memory is the caller's, to be deallocated.
    package static func encoded(
        _ frame: ServerFrame, _ encoding: Encoding, skipping count: Int
    ) -> UnsafeMutableRawBufferPointer {
        let frame = Frame(id: frame.id, body: frame.body)
        let sink = ByteSink(skipping: count)
        return switch encoding {
        case .json: JSONWriter.write(to: sink) { frame.write(to: &$0) }.finish()
        case .proto: ProtoWriter.write(to: sink) { frame.write(to: &$0) }.finish()
        }
    }

    // MARK: The client's side (tests, tools, the simulator)

    /// As `decodeClientFrames`. Frames that this version does not know are passed over, and so are
    /// entries of lists with unknown enumeration values.
    package static func decodeServerFrames(
        from message: [UInt8], _ encoding: Encoding,
        each: (Result<ServerFrame, DecodeError>) -> Void
    ) {
        message.withUnsafeBytes { message in
            split(message, encoding, framesMax: .max) { bytes, fault in
                if let fault {
                    each(.failure(fault))
                    return true
                }
                do throws(DecodeError) {
                    let frame: Frame<ServerBody> = try decode(
                        bytes, encoding, entriesMax: .max, isLenient: true)
                    guard let body = frame.body else { return true }
                    each(.success(ServerFrame(id: frame.id, body: body)))
                    return true
                } catch {
                    each(.failure(error))
                    return !error.isFatal
                }
            }
        }
    }

    package static func append(
        _ frame: ClientFrame, _ encoding: Encoding, to out: inout [UInt8], isFirst: Bool = true
    ) {
        write(Frame(id: frame.id, body: frame.command), encoding, to: &out, isFirst: isFirst)
    }

    // MARK: One frame

    private static func clientFrame(
        _ bytes: UnsafeRawBufferPointer, _ encoding: Encoding
    ) throws(DecodeError) -> ClientFrame {
        let frame: Frame<Command> = try decode(
            bytes, encoding, entriesMax: DecodeLimits.entriesMax, isLenient: false)
        guard FrameID.bounds.contains(frame.id) else { throw DecodeError(.badFrameID, field: "id") }
        guard let command = frame.body else { throw DecodeError(.noCommand, id: frame.id) }
        return ClientFrame(id: frame.id, command: command)
    }

    private static func decode<Body>(
        _ bytes: UnsafeRawBufferPointer, _ encoding: Encoding, entriesMax: Int, isLenient: Bool
    ) throws(DecodeError) -> Frame<Body> {
        switch encoding {
        case .json: try .decode(json: bytes, entriesMax: entriesMax, isLenient: isLenient)
        case .proto: try .decode(proto: bytes, entriesMax: entriesMax, isLenient: isLenient)
        }
    }

    private static func write<Body>(
        _ frame: Frame<Body>, _ encoding: Encoding, to out: inout [UInt8], isFirst: Bool
    ) {
        switch encoding {
        case .json:
            if !isFirst { out.append(UInt8(ascii: "\n")) }
            JSONWriter.append(to: &out) { frame.write(to: &$0) }
        case .proto:
            ProtoWriter.append(to: &out) { frame.write(to: &$0) }
        }
    }

    // MARK: Frames of a message

    /// Gives `each` the bytes of every frame until it returns false. When the boundaries of frames
    /// are lost, or there are too many, the last call is with a fatal fault.
    private static func split(
        _ message: UnsafeRawBufferPointer, _ encoding: Encoding, framesMax: Int,
        each: (UnsafeRawBufferPointer, DecodeError?) -> Bool
    ) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        var frames = FrameSplitter(message, encoding)
        var count = 0
        do throws(DecodeError) {
            while let bytes = try frames.next() {
                count += 1
                guard count <= framesMax else { throw DecodeError(.tooManyFrames) }
                guard each(bytes, nil) else { return }
            }
            guard count > 0 else { throw DecodeError(.emptyMessage) }
        } catch {
            _ = each(nothing, DecodeError(error.reason, isFatal: true))
        }
    }
}

/// Finds where the frames of a message begin and end.
private struct FrameSplitter {
    private var rest: UnsafeRawBufferPointer
    private let encoding: Encoding

    init(_ message: UnsafeRawBufferPointer, _ encoding: Encoding) {
        rest = message
        self.encoding = encoding
    }

    mutating func next() throws(DecodeError) -> UnsafeRawBufferPointer? {
        switch encoding {
        case .json: nextLine()
        case .proto: try nextDelimited()
        }
    }

    /// The next line that is not blank: a line feed behind the last frame does no harm.
    private mutating func nextLine() -> UnsafeRawBufferPointer? {
        while let start = rest.baseAddress, !rest.isEmpty {
            let feed = memchr(start, 0x0A, rest.count)
            let end = feed.map { UnsafeRawPointer($0) - start } ?? rest.count
            let line = UnsafeRawBufferPointer(rebasing: rest[..<end])
            rest = UnsafeRawBufferPointer(rebasing: rest[min(end + 1, rest.count)...])
            if !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return line }
        }
        return nil
    }

    private mutating func nextDelimited() throws(DecodeError) -> UnsafeRawBufferPointer? {
        if rest.isEmpty { return nil }
        var reader = ProtoReader(rest, entriesMax: 0, isLenient: false)
        let frame = try reader.delimitedBytes()
        rest = UnsafeRawBufferPointer(rebasing: rest[reader.at...])
        return frame
    }
}
