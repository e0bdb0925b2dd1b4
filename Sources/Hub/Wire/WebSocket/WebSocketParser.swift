// Frames to messages, server side (RFC 6455 §5): what a client sent, without a socket or a clock. A
// message that lies whole in what was read is unmasked there and lent out without a copy; only what
// is split is put together in memory of the parser. Compressed messages come out compressed, as wholes:
// inflating them, answering pings and closes, time limits and what the messages mean are the connection's
// business.

package import Model

/// What a connection may receive.
package struct WebSocketLimits: Sendable {
    /// Bytes of one message as it is sent, all fragments together; over: 1009. Memory held for a split message is
    /// at most twice that. 64 KiB before authentication; the connection raises it to 1 MiB after.
    package var messageBytesMax = 64 * 1024
    /// Frames of one message; over: 1009. Keeps a client from spending our time on empty fragments.
    package var fragmentsMax = 1024

    package init() {}
}

/// One thing received. The buffers are lent: they hold until the next call of the parser, or until
/// the input buffer is reused.
package enum WebSocketEvent {
    /// All input is used up.
    case needMore
    /// A whole message, valid UTF-8.
    case text(UnsafeRawBufferPointer)
    /// A whole message.
    case binary(UnsafeRawBufferPointer)
    /// A whole message, text or binary, to be inflated by the rules of RFC 7692 §7.2.2. Whether a text is
    /// UTF-8 shows only then.
    case deflated(UnsafeRawBufferPointer, isText: Bool)
    /// To be answered with `WebSocketFrame.pong` of the same payload.
    case ping(UnsafeRawBufferPointer)
    case pong(UnsafeRawBufferPointer)
    /// The peer closes: a code fit for the wire or none, and a reason in valid UTF-8. To be
    /// answered with `WebSocketFrame.closeEcho` unless we closed first. Comes once, as the last;
    /// later input is dropped.
    case close(UInt16?, reason: UnsafeRawBufferPointer)
    /// The peer broke the rules: to be closed with `fault.closeCode`. Comes once, as the last.
    case failed(WebSocketFault)
}

/// What a client did wrong.
package enum WebSocketFault: Error, Sendable, Hashable, CaseIterable {
    case reservedBits
    case reservedOpcode
    case unmasked
    case controlFragmented
    case controlTooLong
    /// A longer length field than needed, or one with the top bit set.
    case malformedLength
    case continuationWithoutMessage
    case messageInsideMessage
    case malformedClose
    case invalidUTF8
    case messageTooLarge
    case tooManyFragments

    package var closeCode: CloseCode {
        switch self {
        case .invalidUTF8: .invalidPayload
        case .messageTooLarge, .tooManyFragments: .messageTooBig
        case .reservedBits, .reservedOpcode, .unmasked, .controlFragmented, .controlTooLong,
             .malformedLength, .continuationWithoutMessage, .messageInsideMessage,
             .malformedClose: .protocolError
        }
    }
}

/// Parses the frames of one connection.
package struct WebSocketParser: ~Copyable {
    /// May be changed at any time; a change holds from the next frame on.
    package var limits: WebSocketLimits

    /// The header of a frame that has come only in part: at most 14 bytes.
    private var header: WebSocketHeader
    private var isInFrame = false
    private var opcode = WebSocketOpcode.continuation
    private var isFinal = false
    private var payloadLeft = 0
    private var mask = WebSocketMask()

    /// The kind of the message of which fragments have come; `continuation` when there is none.
    private var message = WebSocketOpcode.continuation
    private var isDeflated = false
    private var fragments = 0
    private var utf8 = UTF8Validator()
    private var assembled = LentBuffer()
    /// Apart, as control frames come between the fragments of a message.
    private var control = LentBuffer()
    private var lent = Lent.nothing
    private var isOver = false
    private var isDiscarding = false

    private enum Lent { case nothing, assembled, control }

    /// `allowsDeflated`: permessage-deflate was agreed on.
    package init(limits: WebSocketLimits = WebSocketLimits(), allowsDeflated: Bool = false) {
        self.limits = limits
        header = WebSocketHeader(allowsDeflated: allowsDeflated)
    }

    /// Nothing of a next frame or message has come yet.
    package var isIdle: Bool { !isInFrame && header.count == 0 && message == .continuation }

    /// Bytes of a message that has come in part.
    package var heldBytes: Int { assembled.count }

    /// Takes bytes from the front of `input` up to the end of the next event; what it took is gone
    /// from `input`. The bytes are changed in place. Call until it says `needMore`.
    package mutating func next(_ input: inout UnsafeMutableRawBufferPointer) -> WebSocketEvent {
        takeBack()
        if isOver {
            input = UnsafeMutableRawBufferPointer(rebasing: input[input.count...])
            return .needMore
        }
        do {
            while true {
                if !isInFrame {
                    guard try header.take(&input) else { return .needMore }
                    try frameBegan()
                }
                if let event = try payload(&input) { return event }
                if input.isEmpty && (isInFrame || header.count == 0) { return .needMore }
            }
        } catch {
            end()
            return .failed(error)
        }
    }

    /// From here on only control frames are wanted: what has come of a message is given up, and messages that come
    /// are passed over without being kept.
    package mutating func discardMessages() {
        isDiscarding = true
        // What is lent is still being looked at; it goes with the next call.
        if lent != .assembled { assembled.clear() }
    }

    /// Gives up the memory of what was lent by the last call.
    private mutating func takeBack() {
        switch lent {
        case .nothing: return
        case .assembled: assembled.clear()
        case .control: control.clear()
        }
        lent = .nothing
    }

    private mutating func end() {
        isOver = true
        assembled.clear()
    }

    // MARK: Frames

    private mutating func frameBegan() throws(WebSocketFault) {
        let frame = header.frame
        header.count = 0
        opcode = frame.opcode
        isFinal = frame.isFinal
        mask = WebSocketMask(key: frame.key)
        if !frame.opcode.isControl {
            switch (frame.opcode, message) {
            case (.continuation, .continuation): throw .continuationWithoutMessage
            case (.continuation, _): break
            case (_, .continuation):
                message = frame.opcode
                isDeflated = frame.isDeflated
                fragments = 0
                utf8 = UTF8Validator()
            default: throw .messageInsideMessage
            }
            if isDiscarding {
                payloadLeft = Int(frame.payloadBytes)
                isInFrame = true
                return
            }
            fragments += 1
            if fragments > limits.fragmentsMax { throw .tooManyFragments }
            let room = limits.messageBytesMax - assembled.count
            if room < 0 || frame.payloadBytes > UInt64(room) { throw .messageTooLarge }
        }
        payloadLeft = Int(frame.payloadBytes)
        isInFrame = true
    }

    /// Nil when the payload is not all there, or was a fragment that is not the last.
    private mutating func payload(
        _ input: inout UnsafeMutableRawBufferPointer
    ) throws(WebSocketFault) -> WebSocketEvent? {
        let count = min(payloadLeft, input.count)
        let part = UnsafeMutableRawBufferPointer(rebasing: input[..<count])
        input = UnsafeMutableRawBufferPointer(rebasing: input[count...])
        payloadLeft -= count
        if opcode.isControl {
            if payloadLeft == 0, control.isEmpty {
                isInFrame = false
                mask.apply(part)
                return try controlEvent(UnsafeRawBufferPointer(part))
            }
            control.append(part, &mask)
            if payloadLeft > 0 { return nil }
            isInFrame = false
            lent = .control
            return try controlEvent(control.bytes)
        }
        if isDiscarding {
            if payloadLeft > 0 { return nil }
            isInFrame = false
            if isFinal { message = .continuation }
            return nil
        }
        if payloadLeft == 0, isFinal, assembled.isEmpty {
            isInFrame = false
            mask.apply(part)
            let bytes = UnsafeRawBufferPointer(part)
            return try messageEvent(bytes, unchecked: bytes)
        }
        let added = assembled.append(part, &mask)
        if payloadLeft > 0 || !isFinal {
            if message == .text, !isDeflated, !utf8.feed(added) { throw .invalidUTF8 }
            if payloadLeft == 0 { isInFrame = false }
            return nil
        }
        isInFrame = false
        lent = .assembled
        return try messageEvent(assembled.bytes, unchecked: added)
    }

    /// `unchecked` is the part of the message whose UTF-8 has not been looked at yet.
    private mutating func messageEvent(
        _ whole: UnsafeRawBufferPointer, unchecked: UnsafeRawBufferPointer
    ) throws(WebSocketFault) -> WebSocketEvent {
        let kind = message
        message = .continuation
        if isDeflated { return .deflated(whole, isText: kind == .text) }
        guard kind == .text else { return .binary(whole) }
        guard utf8.feed(unchecked), utf8.isComplete else { throw .invalidUTF8 }
        return .text(whole)
    }

    private mutating func controlEvent(
        _ payload: UnsafeRawBufferPointer
    ) throws(WebSocketFault) -> WebSocketEvent {
        switch opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        case .close:
            end()
            if payload.isEmpty { return .close(nil, reason: payload) }
            guard payload.count >= 2 else { throw .malformedClose }
            let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
            guard WebSocketFrame.isCodeOnWire(code) else { throw .malformedClose }
            let reason = UnsafeRawBufferPointer(rebasing: payload[2...])
            guard UTF8Validator.isValid(reason) else { throw .invalidUTF8 }
            return .close(code, reason: reason)
        case .continuation, .text, .binary:
            preconditionFailure("not a control frame")
        }
    }
}
