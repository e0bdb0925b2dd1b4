// Whether the server is there. A connection of its own asks once a second, and soon after anybody begins to wait: the
// answer needs no disk and no lock, so one that is late says that nobody will get any. Then the circuit breaker
// opens, all who wait are sent away, and this connection alone goes on trying, with a write.
//
// HikariCP and PgBouncer look after a connection when it is borrowed, which tells nothing about a server that hangs
// while all are out; a health check beside the traffic is how load balancers do it.

import Model
import Ports

extension PostgresPool {
    /// When a job is under way for so long, it is asked whether the server is there.
    private static let slowNanoseconds: UInt64 = 200_000_000
    /// Between two measurements of the database's size.
    private static let measureNanoseconds: UInt64 = 10_000_000_000

    /// Ten times a second.
    func tickPulse(_ now: MonotonicNanoseconds) {
        guard let pulse else { return }
        let connection = links[pulse].connection
        if connection.isDown {
            guard let deadline = links[pulse].deadline, deadline < now else { return }
            if !health.isOpen || health.beginsProbe() { connect(pulse) }
        } else if connection.isIdle {
            if health.isOpen {
                if health.beginsProbe() { sendPulse(now) }
            } else if isPulseDue(now) {
                sendPulse(now)
            }
        } else if links[pulse].started.value + late < now.value {
            // Connecting counts too: a server that is stopped takes connections and says nothing.
            if health.isOpen {
                perform(connection.abandon("no answer in time"), on: pulse)
            } else {
                failed("no answer in time")
            }
        }
    }

    private var late: UInt64 { UInt64(options.answerMilliseconds) * 1_000_000 }

    private func isPulseDue(_ now: MonotonicNanoseconds) -> Bool {
        if pulsedAt.value + UInt64(options.postgresPulseMilliseconds) * 1_000_000 <= now.value { return true }
        return pulsedAt.value + Self.slowNanoseconds <= now.value && workers.contains { index in
            links[index].connection.isFlying && links[index].started.value + Self.slowNanoseconds <= now.value
        }
    }

    /// Asks; with a write when writes did not work.
    private func sendPulse(_ now: MonotonicNanoseconds) {
        guard let pulse else { return }
        pulsedAt = now
        isMeasuring = false
        let job: Job
        if health.isOpen || isDiskFull {
            job = Job(.write, [ProbeSQL.write()])
        } else if options.databaseBytesMax > 0, measuredAt.value + Self.measureNanoseconds <= now.value {
            isMeasuring = true
            job = Job(.read, [ProbeSQL.postgresSize()])
        } else {
            job = Job(.read, [ProbeSQL.read()])
        }
        launch([[Ticket(Pending(job: job, continuation: nil), arrived: now)]], on: pulse)
    }

    /// The connection stands, or what was asked is answered.
    func pulseLanded(_ landings: [Landing]) {
        guard let pulse else { return }
        links[pulse].failures = 0
        guard let landing = landings.first, let ticket = landing.tickets.first else {
            // Connected. A probe that began with that goes on.
            if health.isOpen { sendPulse(clocks.monotonic()) }
            return
        }
        switch landing.result {
        case .failure(.storageFull): refused(.storageFull)
        case .failure(let failure): failed(failure.text)
        case .success(let rows) where isMeasuring:
            measuredAt = clocks.monotonic()
            if let bytes = rows.first?.first?.first?.integerOrNil(0) { measured(bytes) }
        case .success where !ticket.pending.job.isRead:
            isDiskFull = false
            tellRoom()
            if health.succeeded() { hurry() }
        case .success: break
        }
    }

    private func measured(_ bytes: Int64) {
        isTooLarge = bytes >= Int64(options.databaseBytesMax)
        tellRoom()
    }

    private func tellRoom() {
        health.setNoRoom(isDiskFull ? "the disk of PostgreSQL is full"
            : isTooLarge ? "the database has reached database_bytes_max" : nil)
    }

    /// The server has refused a statement, or said that it cannot now.
    func refused(_ failure: Failure) {
        switch failure {
        case .storageFull:
            isDiskFull = true
            tellRoom()
            if health.succeeded(isDurable: false) { hurry() }
        case .unavailable(let text), .uncertain(let text): failed(text)
        case .constraint, .contention, .fault: break
        }
    }

    func failed(_ reason: String) {
        if health.failed(reason) { sendAllAway(reason) }
    }
}
