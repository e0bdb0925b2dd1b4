// Messages as HTTP bodies: one JSON object. WireMessage.swift shows how a message type is made.

package enum JSONBody {
    /// The one object that `body` is. Unknown members are ignored; the caller limits the size.
    package static func decode<M: WireMessage>(
        _ type: M.Type, from body: [UInt8]
    ) throws(DecodeError) -> M {
        try body.withUnsafeBufferPointer { bytes throws(DecodeError) in
            var reader = JSONReader(
                UnsafeRawBufferPointer(bytes), entriesMax: DecodeLimits.entriesMax,
                isLenient: false)
            var message = M.blank
            try message.read(from: &reader)
            try reader.finish()
            return message
        }
    }

    package static func encode<M: WireMessage>(_ message: M) -> [UInt8] {
        var bytes: [UInt8] = []
        JSONWriter.append(to: &bytes) { message.write(to: &$0) }
        return bytes
    }
}
