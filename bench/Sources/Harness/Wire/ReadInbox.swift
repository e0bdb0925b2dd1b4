// What was read from sockets and is not decoded yet: one memory for the bytes, and a list that says of
// which connection they are and when they were read. It is begun anew whenever everything is decoded.

internal import Glibc

/// One read: of which connection, when, and what it brought.
struct SocketRead {
    enum Outcome {
        /// Valid until the next read.
        case bytes(UnsafeRawBufferPointer)
        /// Of a socket that the server closed.
        case closed
        /// With this errno.
        case failed(Int32)
    }

    var slot: Int
    var generation: UInt32
    /// When the read returned.
    var time: UInt64
    var outcome: Outcome
}

struct ReadInbox: ~Copyable {
    /// For all that waits: tens of thousands of small deliveries.
    static let bytesMax = 16 << 20
    /// Most that one read takes, and what must be free for another.
    static let readBytesMax = 256 << 10

    /// What reading needs to know of a connection, side by side with the others'.
    private struct Place {
        /// Negative: nothing is to be read.
        var descriptor: Int32 = -1
        var generation: UInt32 = 0
        var isConnecting = false
    }

    private struct Entry {
        var time: UInt64
        var start: Int
        /// 0: the end; negative: an errno.
        var count: Int
        var slot: UInt32
        var generation: UInt32
    }

    private let bytes = UnsafeMutableRawPointer.allocate(byteCount: bytesMax, alignment: 64)
    private var used = 0
    private var entries: [Entry] = []
    private var first = 0
    private var places: [Place] = []
    private(set) var lastRead: UInt64 = 0

    init() { entries.reserveCapacity(4_096) }

    deinit { bytes.deallocate() }

    var isEmpty: Bool { entries.isEmpty }
    var hasRoom: Bool { used <= Self.bytesMax - Self.readBytesMax }

    mutating func addPlace() { places.append(Place()) }

    mutating func opens(_ slot: Int, descriptor: Int32, generation: UInt32) {
        places[slot] = Place(descriptor: descriptor, generation: generation, isConnecting: true)
    }

    mutating func closes(_ slot: Int) { places[slot].descriptor = -1 }

    func isOpen(_ slot: Int, _ generation: UInt32) -> Bool {
        places[slot].descriptor >= 0 && places[slot].generation == generation
    }

    /// Until its first event: then the connection has to look how connecting went.
    func isConnecting(_ slot: Int) -> Bool { places[slot].isConnecting }

    mutating func connected(_ slot: Int) { places[slot].isConnecting = false }

    /// Reads once, and notes what came; false when nothing did.
    mutating func read(_ slot: Int, upTo limit: Int = readBytesMax) -> Bool {
        let place = places[slot]
        guard place.descriptor >= 0 else { return false }
        var count: Int
        repeat {
            count = recv(place.descriptor, bytes + used, min(limit, Self.readBytesMax), 0)
        } while count < 0 && errno == EINTR
        if count < 0 {
            if errno == EAGAIN { return false }
            count = -Int(errno)
        }
        lastRead = MonotonicClock.now()
        entries.append(Entry(time: lastRead, start: used, count: count, slot: UInt32(slot),
                             generation: place.generation))
        if count > 0 { used += count } else { places[slot].descriptor = -1 }
        return true
    }

    /// The oldest read that has not been taken.
    mutating func takeFirst() -> SocketRead {
        let entry = entries[first]
        first += 1
        if first == entries.count {
            entries.removeAll(keepingCapacity: true)
            first = 0
            used = 0
        }
        let outcome: SocketRead.Outcome = switch entry.count {
        case 0: .closed
        case ..<0: .failed(Int32(-entry.count))
        default: .bytes(UnsafeRawBufferPointer(start: bytes + entry.start, count: entry.count))
        }
        return SocketRead(slot: Int(entry.slot), generation: entry.generation, time: entry.time,
                          outcome: outcome)
    }
}
