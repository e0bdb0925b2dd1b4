// The only source of chance in a simulated world. The same seed gives the same numbers on every machine.

/// SplitMix64 (Steele, Lea, Flood 2014): one word of state, good enough to pick faults with.
struct SeededRandom: Sendable {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 ^ 0xD1B5_4A32_D192_ED03
        _ = next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// 0..<`bound`.
    mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    mutating func between(_ low: Int64, _ high: Int64) -> Int64 {
        low + Int64(next().multipliedFullWidth(by: UInt64(high - low + 1)).high)
    }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[below(elements.count)]
    }

    /// A stream of its own: what it is asked for does not change what others get.
    mutating func fork() -> SeededRandom { SeededRandom(next()) }
}
