// A line chart as inline SVG, in the colours of the page it stands in. Small and sufficient for the
// report; no interaction.

internal import Glibc

struct Series {
    /// A class of the page's style: a, b or c.
    var style: String
    var points: [(x: Double, y: Double)]
}

struct Chart {
    enum Axis {
        case linear(unit: String)
        case logarithmic(unit: String)
        /// x is one in x: 1 is 0 %, 10 is 90 %, 100 is 99 %.
        case percentile
    }

    var series: [Series]
    var horizontal: Axis
    var vertical: Axis
    /// What lies left of it is warm-up.
    var shadedUpTo: Double

    private static let width = 560.0, height = 240.0
    private static let left = 58.0, right = 10.0, top = 8.0, bottom = 26.0

    var svg: String {
        let points = series.flatMap(\.points)
        guard !points.isEmpty else { return "<p class=\"note\">nothing was measured</p>" }
        let x = Scale(horizontal, points.map(\.x), from: Self.left, to: Self.width - Self.right,
                      startsAtData: true)
        let y = Scale(vertical, points.map(\.y), from: Self.height - Self.bottom, to: Self.top,
                      startsAtData: false)
        var out = "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" "
            + "aria-label=\"line chart\">"
        if shadedUpTo > 0, let first = points.map(\.x).min(), first < shadedUpTo {
            let end = x.place(shadedUpTo)
            out += "<rect class=\"shade\" x=\"\(number(Self.left))\" y=\"\(number(Self.top))\" "
                + "width=\"\(number(max(0, end - Self.left)))\" "
                + "height=\"\(number(Self.height - Self.bottom - Self.top))\"/>"
                + "<text x=\"\(number(Self.left + 6))\" "
                + "y=\"\(number(Self.top + 14))\">warm-up</text>"
        }
        for tick in y.ticks {
            let place = number(y.place(tick.value))
            out += "<line class=\"grid\" x1=\"\(number(Self.left))\" y1=\"\(place)\" "
                + "x2=\"\(number(Self.width - Self.right))\" y2=\"\(place)\"/>"
                + "<text x=\"\(number(Self.left - 8))\" y=\"\(number(y.place(tick.value) + 4))\" "
                + "text-anchor=\"end\">\(tick.label)</text>"
        }
        for tick in x.ticks {
            // A label that would stand out at the right ends where the plot does.
            let place = x.place(tick.value)
            let isLast = place > Self.width - Self.right - 24
            out += "<text x=\"\(number(isLast ? Self.width - Self.right : place))\" "
                + "y=\"\(number(Self.height - 8))\" "
                + "text-anchor=\"\(isLast ? "end" : "middle")\">\(tick.label)</text>"
        }
        for line in series { out += path(line, x, y) }
        return out + "</svg>"
    }

    private func path(_ line: Series, _ x: Scale, _ y: Scale) -> String {
        if line.points.count == 1 {
            return "<circle class=\"dot \(line.style)\" r=\"3\" "
                + "cx=\"\(number(x.place(line.points[0].x)))\" "
                + "cy=\"\(number(y.place(line.points[0].y)))\"/>"
        }
        let places = line.points.map { "\(number(x.place($0.x))),\(number(y.place($0.y)))" }
        return "<polyline class=\"series \(line.style)\" "
            + "points=\"\(places.joined(separator: " "))\"/>"
    }

    private func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(Double(tenths) / 10)"
    }
}

/// Values to places on the page, and where the ticks are.
private struct Scale {
    private let isLogarithmic: Bool
    private let low: Double, high: Double
    private let from: Double, to: Double
    let ticks: [(value: Double, label: String)]

    init(_ axis: Chart.Axis, _ values: [Double], from: Double, to: Double, startsAtData: Bool) {
        self.from = from
        self.to = to
        let positive = values.filter { $0 > 0 }
        let minimum = values.min() ?? 0, maximum = values.max() ?? 1
        switch axis {
        case .linear(let unit):
            isLogarithmic = false
            let step = Self.step((maximum - (startsAtData ? minimum : 0)) / 5)
            low = startsAtData ? min(minimum, 0) : 0
            let top = (maximum / step).rounded(.up) * step
            high = startsAtData ? max(maximum, low + 1e-9) : max(top, step)
            ticks = Self.linearTicks(low, high, step, unit)
        case .logarithmic(let unit):
            isLogarithmic = true
            (low, high) = Self.decade(positive.min() ?? 0.1, positive.max() ?? 1)
            ticks = Self.logarithmicTicks(low, high, unit)
        case .percentile:
            isLogarithmic = true
            low = 1
            high = max(positive.max() ?? 10, 10)
            ticks = Self.percentileTicks(high)
        }
    }

    func place(_ value: Double) -> Double {
        let share = isLogarithmic
            ? log10(max(value, low) / low) / log10(high / low)
            : (value - low) / (high - low)
        return from + (to - from) * min(max(share, 0), 1)
    }

    /// 1, 2 or 5 times a power of ten, at least `rough`.
    private static func step(_ rough: Double) -> Double {
        guard rough > 0 else { return 1 }
        var power = 1.0
        while power > rough { power /= 10 }
        while power * 10 <= rough { power *= 10 }
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? power * 10
    }

    private static func linearTicks(_ low: Double, _ high: Double, _ step: Double,
                                    _ unit: String) -> [(value: Double, label: String)] {
        var out: [(value: Double, label: String)] = []
        var index = (low / step).rounded(.up)
        while index * step <= high * 1.0001 {
            let value = index * step
            let text = high >= 5_000 ? "\(Figure.decimal(value / 1_000)) k" : Figure.decimal(value)
            out.append((value, unit.isEmpty ? text : "\(text) \(unit)"))
            index += 1
        }
        return out
    }

    /// Widened to 1, 2 or 5 times a power of ten.
    private static func decade(_ minimum: Double, _ maximum: Double) -> (Double, Double) {
        var power = 1e-6
        var low = power, high = 0.0
        while high == 0 {
            for factor in [1.0, 2, 5] {
                let value = factor * power
                if value <= minimum * 1.0001 { low = value }
                if value >= maximum * 0.9999, value > low { high = value; break }
            }
            power *= 10
            if power > 1e12 { high = power }
        }
        return (low, high)
    }

    private static func logarithmicTicks(_ low: Double, _ high: Double,
                                         _ unit: String) -> [(value: Double, label: String)] {
        var out: [(value: Double, label: String)] = []
        var power = 1e-6
        let isWide = log10(high / low) > 2.5
        while power <= high {
            for factor in isWide ? [1.0] : [1.0, 2, 5] {
                let value = factor * power
                if value >= low * 0.999, value <= high * 1.001 {
                    out.append((value, "\(Figure.decimal(value)) \(unit)"))
                }
            }
            power *= 10
        }
        return out
    }

    private static func percentileTicks(_ high: Double) -> [(value: Double, label: String)] {
        let names: [(Double, String)] = [
            (2, "50 %"), (10, "90 %"), (100, "99 %"), (1e3, "99.9 %"),
            (1e4, "99.99 %"), (1e5, "99.999 %"), (1e6, "99.9999 %"), (1e7, "99.99999 %"),
        ]
        return names.filter { $0.0 <= high * 1.001 }.map { (value: $0.0, label: $0.1) }
    }
}
