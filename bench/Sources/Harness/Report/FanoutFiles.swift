// The files of a fan-out report: the time series as CSV, and the percentile distribution in the
// text form of HdrHistogram (.hgrm), which its plotters read.

internal import Histogram
internal import Foundation

package enum FanoutFiles {
    package static func all(_ outcome: FanoutOutcome,
                            _ document: FanoutDocument) throws -> [(name: String, bytes: [UInt8])] {
        var files: [(name: String, bytes: [UInt8])] = [
            ("report.json", try document.json()),
            ("timeline.csv", Array(csv(outcome.recorder.seconds).utf8)),
        ]
        let delivery = outcome.recorder.stages[.delivery] ?? Latency()
        let page = HTMLReport.page(document, distribution: delivery.distribution,
                                   stages: FanoutSummary.stages(outcome.recorder))
        files.insert(("report.html", Array(page.utf8)), at: 0)
        if !delivery.isEmpty {
            files.append(("latency.hgrm", Array(hgrm(delivery).utf8)))
        }
        return files
    }

    /// Latencies in milliseconds, shares of a core.
    package static func csv(_ seconds: [FanoutRecorder.Second]) -> String {
        var out = "time_s,warmup,sent_per_s,acknowledged_per_s,deliveries_per_s,p50_ms,p99_ms,"
            + "max_ms,ack_p50_ms,ack_p99_ms,lag_max_ms,under_way,generator_cpu,server_cpu,"
            + "server_rss_bytes,steal\n"
        for second in seconds {
            let fields = [
                fixed(second.time), second.isWarmup ? "1" : "0", fixed(second.sent),
                fixed(second.acknowledged), fixed(second.deliveries), milliseconds(second.p50),
                milliseconds(second.p99), milliseconds(second.max), milliseconds(second.ackP50),
                milliseconds(second.ackP99), milliseconds(second.lagMax), "\(second.underWay)",
                fixed(second.generatorProcessor), second.serverProcessor.map(fixed) ?? "",
                second.serverResident.map(String.init) ?? "", second.steal.map(fixed) ?? "",
            ]
            out += fields.joined(separator: ",") + "\n"
        }
        return out
    }

    /// Values in milliseconds.
    package static func hgrm(_ latency: Latency) -> String {
        var out = ""
        latency.histogram.outputPercentileDistribution(to: &out, outputValueUnitScalingRatio: 1e6)
        return out
    }

    private static func fixed(_ value: Double) -> String { String(format: "%.3f", value) }
    private static func milliseconds(_ value: UInt64) -> String { fixed(Double(value) / 1e6) }
}

/// Puts the files of a report into a folder.
package enum ReportFolder {
    package static func write(file path: String, _ bytes: [UInt8]) throws {
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
        } catch {
            throw BenchError("cannot write '\(path)': \(error.localizedDescription)")
        }
    }

    package static func write(_ files: [(name: String, bytes: [UInt8])], to folder: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: folder,
                                                    withIntermediateDirectories: true)
            for file in files {
                let path = folder + "/" + file.name
                try Data(file.bytes).write(to: URL(fileURLWithPath: path))
            }
        } catch {
            throw BenchError("cannot write the report to '\(folder)': "
                + error.localizedDescription)
        }
    }
}
