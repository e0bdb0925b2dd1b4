// How a frame of the protocol is put into bytes for the connections of one kind. A broadcast is packed once
// per kind, whoever and however many they are.

import Live
import Model
import Ports
import Wire

/// Kinds of connections by the bytes they get. The raw value is the index of `Broadcast.encoded`.
enum Packaging: UInt8, CaseIterable {
    /// A text message of WebSocket, `hub.v1.json`.
    case json
    /// A binary message of WebSocket, `hub.v1.proto`.
    case proto
    /// The same, compressed where it is worth it (FrontLoop+Deflate.swift).
    case jsonDeflated
    case protoDeflated
    /// An event of a stream, `hub.v1.json`.
    case eventStream

    init(_ encoding: Encoding, isDeflated: Bool) {
        switch encoding {
        case .json: self = isDeflated ? .jsonDeflated : .json
        case .proto: self = isDeflated ? .protoDeflated : .proto
        }
    }

    var encoding: Encoding {
        switch self {
        case .json, .jsonDeflated, .eventStream: .json
        case .proto, .protoDeflated: .proto
        }
    }

    var isDeflated: Bool { self == .jsonDeflated || self == .protoDeflated }

    /// The kind of connection that gets the same, never compressed.
    var plain: Packaging { isDeflated ? Packaging(encoding, isDeflated: false) : self }

    /// One frame of the protocol, ready for the socket, not compressed.
    func pack(_ frame: ServerFrame) -> EncodedFrame {
        if self == .eventStream {
            // JSON has no line ends of its own.
            var bytes = Array("data: ".utf8)
            ProtocolCodec.append(frame, encoding, to: &bytes)
            bytes += "\n\n".utf8
            return EncodedFrame(bytes)
        }
        let memory = ProtocolCodec.encoded(frame, encoding, skipping: WebSocketFrame.headerBytesMax)
        return EncodedFrame(WebSocketFrame.prepend(encoding == .json ? .text : .binary, to: memory), in: memory)
    }
}

/// The number of a frame in `PendingFrames` for each kind of connection, of which there are at most 8, while
/// a broadcast is noted.
struct PackedNumbers {
    private var numbers: InlineArray<8, Int32> = .init(repeating: -1)

    subscript(_ packaging: Packaging) -> Int32 {
        get { numbers[Int(packaging.rawValue)] }
        set { numbers[Int(packaging.rawValue)] = newValue }
    }
}
