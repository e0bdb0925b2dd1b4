// Whatever is written is read back the same, in both encodings, alone and several in one message.

import Model
import Testing
import Wire

@Suite struct RoundTripTests {
    @Test(arguments: Samples.client, Encoding.allCases)
    func clientFrame(_ sample: Sample<ClientFrame>, _ encoding: Encoding) throws {
        var bytes: [UInt8] = []
        ProtocolCodec.append(sample.frame, encoding, to: &bytes)
        #expect(clientFrames(bytes, encoding) == [.success(sample.frame)])
    }

    @Test(arguments: Samples.server, Encoding.allCases)
    func serverFrame(_ sample: Sample<ServerFrame>, _ encoding: Encoding) throws {
        var bytes: [UInt8] = []
        ProtocolCodec.append(sample.frame, encoding, to: &bytes)
        #expect(serverFrames(bytes, encoding) == [.success(sample.frame)])
    }

    @Test(arguments: Encoding.allCases)
    func manyFramesInOneMessage(_ encoding: Encoding) {
        var bytes: [UInt8] = []
        for sample in Samples.client {
            ProtocolCodec.append(sample.frame, encoding, to: &bytes, isFirst: bytes.isEmpty)
        }
        #expect(clientFrames(bytes, encoding) == Samples.client.map { .success($0.frame) })

        bytes = []
        for sample in Samples.server {
            ProtocolCodec.append(sample.frame, encoding, to: &bytes, isFirst: bytes.isEmpty)
        }
        #expect(serverFrames(bytes, encoding) == Samples.server.map { .success($0.frame) })
    }

    /// Lengths that need one, two, three and four bytes, at every level of nesting.
    @Test(arguments: [0, 1, 60, 127, 128, 16_383, 16_384, 70_000, 2_100_000], Encoding.allCases)
    func textOfAnyLength(_ count: Int, _ encoding: Encoding) {
        var event = Samples.message
        event.text = String(repeating: "x", count: count)
        let frame = ServerFrame(body: .events(Events(
            channel: Samples.channel, epoch: 1, events: [event, Samples.joined])))
        var bytes: [UInt8] = []
        ProtocolCodec.append(frame, encoding, to: &bytes)
        #expect(serverFrames(bytes, encoding) == [.success(frame)])
    }

    /// The frame that a connection sends is the one that is tested above, with a header in front.
    @Test(arguments: [0, 20, 200, 70_000], Encoding.allCases)
    func framedAlone(_ count: Int, _ encoding: Encoding) {
        var event = Samples.message
        event.text = String(repeating: "x", count: count)
        let frame = count == 0 ? ServerFrame(id: 7, body: .done(Done()))
            : ServerFrame(body: .events(Events(channel: Samples.channel, epoch: 1, events: [event])))
        var payload: [UInt8] = []
        ProtocolCodec.append(frame, encoding, to: &payload)
        var expected: [UInt8] = []
        payload.withUnsafeBytes { WebSocketFrame.append(.binary, $0, to: &expected) }

        let memory = ProtocolCodec.encoded(frame, encoding, skipping: WebSocketFrame.headerBytesMax)
        #expect(Array(WebSocketFrame.prepend(.binary, to: memory)) == expected)
        memory.deallocate()
    }

    @Test func everyControlCharacterIsEscaped() {
        let text = String(String.UnicodeScalarView((0..<0x80).map { Unicode.Scalar($0) }))
        let frame = ClientFrame(id: 1, command: .post(Post(
            channel: Samples.channel, key: "k", text: text)))
        var bytes: [UInt8] = []
        ProtocolCodec.append(frame, .json, to: &bytes)
        #expect(bytes.allSatisfy { $0 >= 0x20 })
        #expect(clientFrames(bytes, .json) == [.success(frame)])
    }
}

func clientFrames(_ bytes: [UInt8], _ encoding: Encoding) -> [Result<ClientFrame, DecodeError>] {
    var frames: [Result<ClientFrame, DecodeError>] = []
    ProtocolCodec.decodeClientFrames(from: bytes, encoding) { frames.append($0) }
    return frames
}

func serverFrames(_ bytes: [UInt8], _ encoding: Encoding) -> [Result<ServerFrame, DecodeError>] {
    var frames: [Result<ServerFrame, DecodeError>] = []
    ProtocolCodec.decodeServerFrames(from: bytes, encoding) { frames.append($0) }
    return frames
}
