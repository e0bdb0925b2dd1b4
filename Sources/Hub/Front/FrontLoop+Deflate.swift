// permessage-deflate on a connection (RFC 7692): what is compressed, once for all who get it, and how what
// comes compressed is opened within bounds.
//
// Compressed are broadcasts of a channel's events and nothing else. Who sees the size of compressed bytes and
// can put text into them learns what stands beside that text (CRIME, BREACH); events of one channel
// are what all who get them may read. What goes to one session (its tokens' times, people, pages of history)
// goes as it is: nothing secret, and no reader can make the hub compress for it alone.

import Deflate
import Model
import Ports
import Wire

extension FrontLoop {
    /// Whether the client's window is as large as ours. One with a smaller window gets everything
    /// uncompressed, which is always allowed, and may still send compressed.
    func takesDeflated(_ agreement: DeflateAgreement?) -> Bool {
        agreement.map { $0.windowBits >= Deflater.windowBits } ?? false
    }

    // MARK: Out

    /// A broadcast for one kind of connection: encoded once, and compressed once, for all loops.
    func packed(_ broadcast: Broadcast, _ packaging: Packaging) -> EncodedFrame {
        let plain = broadcast.encoded(Int(packaging.plain.rawValue)) { packaging.pack($0) }
        guard packaging.isDeflated, plain.bytes.count >= configuration.deflateBytesMin,
              case .events = broadcast.frame.body else { return plain }
        return broadcast.encoded(Int(packaging.rawValue)) { _ in
            deflated(plain, packaging.encoding == .json ? .text : .binary)
        }
    }

    /// The frame with its payload compressed, or as it is if that is no larger.
    private func deflated(_ plain: EncodedFrame, _ opcode: WebSocketOpcode) -> EncodedFrame {
        metrics.deflated.add()
        var bytes: [UInt8] = []
        deflater.deflate(WebSocketFrame.payload(of: plain.bytes)) {
            WebSocketFrame.append(opcode, $0, isDeflated: true, to: &bytes)
        }
        guard bytes.count < plain.bytes.count else { return plain }
        metrics.deflateSavedBytes.add(UInt64(plain.bytes.count - bytes.count))
        return EncodedFrame(bytes)
    }

    // MARK: In

    func receivedDeflated(_ message: UnsafeRawBufferPointer, isText: Bool, _ connection: Connection) {
        guard table[connection.number].phase != .closing, let limits = connection.webSocket?.limits
        else { return }
        metrics.inflated.add()
        // What expands is worth little before anybody has signed in, and costs the same.
        let bytesMax = table[connection.number].phase == .open
            ? limits.messageBytesMax : min(limits.messageBytesMax, configuration.input.inflatedBytesMax)
        do throws(InflateFailure) {
            defer { connection.input.add(inflater.outputBytes) }
            let inflated = try inflater.inflate(message, bytesMax: bytesMax)
            if isText, !UTF8Validator.isValid(inflated) { throw .malformed }
            received(inflated, isText ? .json : .proto, connection)
        } catch {
            close(connection, error == .tooLarge ? .messageTooBig : .invalidPayload,
                  retryAfterMilliseconds: 0)
        }
        inflater.giveBack()
    }

    // MARK: Echo

    /// What a front without sessions does with a message: it goes back, compressed like a broadcast.
    func echo(_ message: UnsafeRawBufferPointer, _ opcode: WebSocketOpcode, _ connection: Connection) {
        var bytes: [UInt8] = []
        WebSocketFrame.append(opcode, message, to: &bytes)
        var frame = EncodedFrame(bytes)
        if connection.packaging.isDeflated, bytes.count >= configuration.deflateBytesMin {
            frame = deflated(frame, opcode)
        }
        write(frame, connection)
    }
}
