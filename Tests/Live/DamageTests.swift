// Entries that the store has lost or spoiled: shown as damaged at their place by push, replay and history, counted
// once, and in nobody's way.

import Live
import Model
import Ports
import Simulation
import Testing

@Suite struct DamageTests {
    /// 400 messages of alice's, of which some are damaged, and nothing in memory.
    private static func damaged(_ sequences: [UInt64], _ damage: StoreModel.Damage, count: Int = 400) -> World {
        let world = world()
        let writer = Client(world, as: alice)
        for number in 1...count { _ = writer.post("m\(number)") }
        writer.drop()
        world.advance(400_000)
        #expect(world.metrics.channels.current == 0)
        for sequence in sequences { world.store.spoil(general, sequence, damage) }
        return world
    }

    private static func page(_ body: ServerBody?) -> [Event]? {
        if case .historyPage(let page) = body { page.events } else { nil }
    }

    private static let places: [[UInt64]] = [[1], [2, 3], [100], [200, 201], [399], [400], [399, 400], Array(1...400)]

    @Test(arguments: StoreModel.Damage.allCases, places)
    func damageStaysAtItsPlace(_ damage: StoreModel.Damage, _ places: [UInt64]) {
        let world = Self.damaged(places, damage)
        let reader = Client(world, as: bob)
        // A replay over all of it, then live.
        guard case .subscribed(let reply) = reader.ask(subscribe(after: 0)) else {
            Issue.record("subscribed")
            return
        }
        #expect(reply.gap == nil && reply.head.sequence == 400)
        _ = reader.post("on we go")
        #expect(reader.sequences == Array(1...401))
        #expect(reader.events.filter { $0.kind == .damaged }.map(\.sequence) == places)
        #expect(reader.events.allSatisfy { $0.kind == .damaged ? $0.text == "" : $0.text != "" })
        // By pages, both ways.
        for start in stride(from: UInt64(0), through: 370, by: 30) {
            let up = Self.page(reader.ask(.history(History(channel: general, after: start, limit: 30))))
            #expect(up?.map(\.sequence) == Array(start + 1...start + 30))
            #expect(up?.filter { $0.kind == .damaged }.map(\.sequence)
                == places.filter { $0 > start && $0 <= start + 30 })
        }
        let down = Self.page(reader.ask(.history(History(channel: general, before: 150, limit: 100))))
        #expect(down?.map(\.sequence) == Array(50...149))
        #expect(world.metrics.damagedEntries.current == UInt64(places.count), "each once")
    }

    @Test func whatIsKnownOfADamagedEntryIsTold() {
        let world = Self.damaged([2], .columns, count: 3)
        let reader = Client(world, as: bob)
        _ = reader.ask(subscribe(after: 0))
        #expect(reader.events.map(\.kind) == [.message, .damaged, .message])
        #expect(reader.events.dropFirst().first?.sender == alice && reader.events.dropFirst().first?.key == "")
    }

    @Test func whatIsDamagedCannotBeEdited() {
        for number: UInt64 in [1, 400] {
            let world = Self.damaged([number], .body)
            let writer = Client(world, as: alice)
            let reply = writer.ask(.edit(Edit(channel: general, key: "e", target: number, text: "new")))
            #expect(error(reply) == .notFound)
            #expect(posted(writer.post("fine")) != nil)
        }
    }

    /// Hub 0 writes, and hub 1 finds a damaged row in its place.
    @Test(arguments: StoreModel.Damage.allCases) func anotherHubGoesOnOverIt(_ damage: StoreModel.Damage) {
        let world = world(hubs: 2)
        let reader = Client(world, as: bob, hub: 1)
        _ = reader.ask(subscribe())
        world.holdsNotices = true
        let writer = Client(world, as: alice)
        for number in 1...5 { _ = writer.post("m\(number)") }
        world.store.spoil(general, 2, damage)
        world.store.spoil(general, 5, damage)
        world.deliver()
        #expect(reader.sequences == [1, 2, 3, 4, 5])
        #expect(reader.events.map(\.kind) == [.message, .damaged, .message, .message, .damaged])
        world.holdsNotices = false
        #expect(posted(reader.post("answer"))?.position.sequence == 6)
    }

    /// The row that said that bob left a closed channel cannot be read by the other hub.
    @Test(arguments: StoreModel.Damage.allCases) func aDamagedLeavingIsAFence(_ damage: StoreModel.Damage) {
        let world = world(hubs: 2)
        let reader = Client(world, as: bob, hub: 1)
        _ = reader.ask(subscribe(secret))
        world.holdsNotices = true
        let writer = Client(world, as: alice)
        _ = writer.post("before", to: secret)
        _ = Client(world, as: bob).ask(.leave(Leave(channel: secret)))
        _ = writer.post("behind", to: secret)
        world.store.spoil(secret, 2, damage)
        world.deliver()
        #expect(!reader.events.map(\.text).contains("behind"))
        #expect(error(reader.ask(.history(History(channel: secret)))) == .notFound)
    }

    /// A log that was set back is not damaged: its readers are sent to the one there is now.
    @Test func aLogThatWasSetBackIsNotDamaged() {
        let world = world()
        let writer = Client(world, as: alice)
        for number in 1...400 { _ = writer.post("m\(number)") }
        world.store.logs[acme]![general]!.events.removeLast(100)
        world.store.logs[acme]![general]!.record.head.sequence = 300
        let reply = writer.ask(.history(History(channel: general, before: 330, limit: 200)))
        #expect(error(reply) == .unavailable || Self.page(reply)?.contains { $0.kind == .damaged } == false)
        #expect(world.metrics.damagedEntries.current == 0)
    }
}
