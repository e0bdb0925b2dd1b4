// What a loop does when there is more to do than it can: first it drops what is of the moment only, then it
// refuses new work with an error that says when to try again, then it takes no more connections. Who is in
// stays in. Measured a few times per second; one number of the configuration sets it all.

/// From good to bad.
enum LoadLevel: UInt8, Comparable, Sendable {
    case normal
    /// Ephemeral broadcasts are dropped.
    case shedding
    /// Commands and API requests are refused as overloaded.
    case refusing
    /// Connections and upgrades are refused with 503, and `/readyz` says no.
    case full

    var name: String {
        switch self {
        case .normal: "normal"
        case .shedding: "shedding"
        case .refusing: "refusing"
        case .full: "full"
        }
    }

    static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

struct LoadRule: Sendable {
    /// Lateness of the loop at which it refuses work. It sheds at a quarter of that, and is full at four
    /// times it.
    let lagMilliseconds: Double
    private(set) var level = LoadLevel.normal
    /// How late the loop is, smoothed over about a second.
    private(set) var lag = 0.0

    init(lagMilliseconds: UInt64) { self.lagMilliseconds = Double(lagMilliseconds) }

    /// The share of a new measurement in what is believed. Higher: one long turn already counts.
    private static let weight = 0.25
    /// A level is left when its measure has fallen to this part of where it began, so that it does not
    /// come and go with every measurement.
    private static let release = 0.6

    /// - Parameters:
    ///   - late: how much later than it was due the measurement ran, in milliseconds.
    ///   - memory: what waits for slow readers, as a part of what may. At 1 the slowest are closed, so more
    ///     than that are many small ones.
    mutating func observe(late: UInt64, memory: Double) {
        lag += (Double(late) - lag) * Self.weight
        let rising = level(lag, memory, 1)
        // Down one or more levels only where the measures are well below.
        level = max(rising, min(level, level(lag, memory, Self.release)))
    }

    private func level(_ lag: Double, _ memory: Double, _ part: Double) -> LoadLevel {
        func reached(_ lags: Double, _ share: Double) -> Bool {
            lag >= lagMilliseconds * lags * part || memory >= share * part
        }
        if reached(4, 1.5) { return .full }
        if reached(1, 1.1) { return .refusing }
        return reached(0.25, 0.7) ? .shedding : .normal
    }
}
