// A message may be spelt in many ways: escapes, the order of members and fields, white space, members of a later
// version. Each is read as the plain one. The spellings are made by a seeded generator that knows JSON (RFC 8259) and
// protobuf's encoding, and shares no code with the hub.

import Model
import Testing
import Wire

/// Numbers that are the same in every run of a seed.
private struct Numbers {
    private var state: UInt64
    init(_ seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func below(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(bound))
    }
    mutating func shuffled<Element>(_ list: [Element]) -> [Element] {
        var list = list
        for index in list.indices.reversed() { list.swapAt(index, below(index + 1)) }
        return list
    }
}

/// JSON as it stands, numbers and all.
private indirect enum Plain {
    case object([(name: String, value: Plain)])
    case array([Plain])
    case text(String)
    /// Numbers, `true`, `false`, `null`.
    case word(String)
}

private struct PlainReader {
    private var rest: Substring.UnicodeScalarView
    init(_ text: String) { rest = Substring(text).unicodeScalars }

    mutating func value() -> Plain {
        switch rest.first {
        case "{":
            rest.removeFirst()
            var members: [(name: String, value: Plain)] = []
            while rest.first != "}" {
                if rest.first == "," { rest.removeFirst() }
                let name = string()
                rest.removeFirst()
                members.append((name, value()))
            }
            rest.removeFirst()
            return .object(members)
        case "[":
            rest.removeFirst()
            var elements: [Plain] = []
            while rest.first != "]" {
                if rest.first == "," { rest.removeFirst() }
                elements.append(value())
            }
            rest.removeFirst()
            return .array(elements)
        case "\"": return .text(string())
        default:
            var word = ""
            while let next = rest.first, !",]}".unicodeScalars.contains(next) {
                word.unicodeScalars.append(next)
                rest.removeFirst()
            }
            return .word(word)
        }
    }

    private mutating func string() -> String {
        rest.removeFirst()
        var text = ""
        while let next = rest.popFirst(), next != "\"" {
            guard next == "\\" else {
                text.unicodeScalars.append(next)
                continue
            }
            let known: [Unicode.Scalar: Unicode.Scalar] = [
                "n": "\n", "r": "\r", "t": "\t", "b": "\u{8}", "f": "\u{C}"]
            let kind = rest.removeFirst()
            if kind == "u" {
                let digits = String(String.UnicodeScalarView(rest.prefix(4)))
                rest.removeFirst(4)
                text.unicodeScalars.append(Unicode.Scalar(UInt32(digits, radix: 16)!)!)
            } else {
                text.unicodeScalars.append(known[kind] ?? kind)
            }
        }
        return text
    }
}

private struct Speller {
    var numbers: Numbers

    private mutating func space() -> String {
        (0..<numbers.below(3)).map { _ in [" ", "\t", "\r"][numbers.below(3)] }.joined()
    }

    mutating func json(_ value: Plain) -> String {
        let body: String
        switch value {
        case .object(let members):
            var all = members.map { json(text: $0.name) + space() + ":" + json($0.value) }
            // A later version may say more.
            if numbers.below(3) == 0 { all.append("\"zz_later\":" + json(.array([.word("-1.5e3"), .text("\u{0}}")]))) }
            body = "{" + numbers.shuffled(all).joined(separator: space() + "," + space()) + space() + "}"
        case .array(let elements):
            body = "[" + elements.map { json($0) }.joined(separator: ",") + space() + "]"
        case .text(let text): body = json(text: text)
        case .word(let word): body = word
        }
        return space() + body + space()
    }

    private mutating func json(text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            func escaped(_ unit: UInt16, upper: Bool) -> String {
                let digits = String(unit, radix: 16, uppercase: upper)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
            let short: [Unicode.Scalar: String] = [
                "\"": "\\\"", "\\": "\\\\", "/": "\\/", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\u{8}": "\\b",
                "\u{C}": "\\f"]
            let mustEscape = scalar.value < 32 || scalar == "\"" || scalar == "\\"
            let way = numbers.below(3)
            if way == 0, let known = short[scalar] {
                out += known
            } else if way == 1 || mustEscape {
                let isUpper = numbers.below(2) == 0
                for unit in String(scalar).utf16 { out += escaped(unit, upper: isUpper) }
            } else {
                out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    /// Fields of a message in another order; those of one number keep theirs.
    mutating func proto(_ bytes: [UInt8], depth: Int = 0) -> [UInt8] {
        var fields: [(number: Int, bytes: [UInt8])] = []
        var at = 0
        func varint() -> UInt64 {
            var (value, shift) = (UInt64(0), UInt64(0))
            while true {
                let byte = bytes[at]
                at += 1
                value |= UInt64(byte & 127) << shift
                shift += 7
                if byte < 128 { return value }
            }
        }
        func written(_ value: UInt64) -> [UInt8] {
            var (value, out) = (value, [UInt8]())
            while value >= 128 {
                out.append(UInt8(value & 127) | 128)
                value >>= 7
            }
            return out + [UInt8(value)]
        }
        while at < bytes.count {
            let tag = varint()
            if tag & 7 == 0 {
                fields.append((Int(tag >> 3), written(tag) + written(varint())))
            } else {
                let count = Int(varint())
                var inner = Array(bytes[at..<at + count])
                at += count
                // What is below the frame is a message, whatever it is.
                if depth == 0 { inner = proto(inner, depth: 1) }
                fields.append((Int(tag >> 3), written(tag) + written(UInt64(inner.count)) + inner))
            }
        }
        // A later version may have more fields, of every wire type.
        if numbers.below(2) == 0 { fields.append((900, written(900 << 3 | 0) + [0x96, 0x01])) }
        if numbers.below(2) == 0 { fields.append((901, written(901 << 3 | 2) + [2, 0xFF, 0x00])) }
        if numbers.below(2) == 0 { fields.append((902, written(902 << 3 | 5) + [1, 2, 3, 4])) }
        var byNumber: [[(number: Int, bytes: [UInt8])]] = []
        for field in fields {
            if let index = byNumber.firstIndex(where: { $0[0].number == field.number }) {
                byNumber[index].append(field)
            } else {
                byNumber.append([field])
            }
        }
        return numbers.shuffled(byNumber).flatMap { $0.flatMap(\.bytes) }
    }
}

@Suite struct SpellingTests {
    /// Texts in which everything that can be escaped stands.
    private static let texts = ["/\"\\\n\r\t\u{8}\u{C}\u{1F}é\u{301}\u{1F600}\u{2028}\u{FFFD}", "\\u0041", "a"]

    private static var frames: [ClientFrame] {
        Samples.client.map(\.frame) + texts.enumerated().map { number, text in
            ClientFrame(id: UInt32(number + 1), command: .post(Post(
                channel: Samples.channel, key: IdempotencyKey(text), text: text + String(repeating: text, count: 40))))
        }
    }

    @Test(arguments: 1...40)
    func everySpellingOfJSONIsReadAsThePlainOne(_ seed: Int) {
        var speller = Speller(numbers: Numbers(seed))
        for frame in Self.frames {
            var bytes: [UInt8] = []
            ProtocolCodec.append(frame, .json, to: &bytes)
            var reader = PlainReader(String(decoding: bytes, as: UTF8.self))
            let spelt = speller.json(reader.value())
            #expect(clientFrames(Array(spelt.utf8), .json) == [.success(frame)], "seed \(seed): \(spelt)")
        }
    }

    @Test(arguments: 1...40)
    func everyOrderOfFieldsIsReadAsThePlainOne(_ seed: Int) {
        var speller = Speller(numbers: Numbers(seed))
        for frame in Self.frames {
            var bytes: [UInt8] = []
            ProtocolCodec.append(frame, .proto, to: &bytes)
            // The message is its length and the frame.
            let plain = clientFrames(bytes, .proto)
            #expect(plain == [.success(frame)])
            var length = 0
            while bytes[length] >= 128 { length += 1 }
            let spelt = speller.proto(Array(bytes[(length + 1)...]))
            var (size, prefix) = (spelt.count, [UInt8]())
            while size >= 128 {
                prefix.append(UInt8(size & 127) | 128)
                size >>= 7
            }
            #expect(clientFrames(prefix + [UInt8(size)] + spelt, .proto) == plain, "seed \(seed): \(spelt)")
        }
    }
}
