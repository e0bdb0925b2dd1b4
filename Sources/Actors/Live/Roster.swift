// The sessions attached to a channel or organisation, grouped by the lane that serves them: a
// broadcast is one hand-over per lane, however many sessions there are.

import Model
import Ports

struct Roster {
    private(set) var sessions: [SessionID: SessionAddress] = [:]
    private var lanes: [(lane: any DeliveryLane, count: Int)] = []

    var isEmpty: Bool { sessions.isEmpty }
    func contains(_ session: SessionID) -> Bool { sessions[session] != nil }

    mutating func add(_ address: SessionAddress) {
        guard sessions.updateValue(address, forKey: address.session) == nil else { return }
        if let index = lanes.firstIndex(where: { $0.lane === address.lane }) {
            lanes[index].count += 1
        } else {
            lanes.append((address.lane, 1))
        }
    }

    /// The address of a session that was attached.
    @discardableResult
    mutating func remove(_ session: SessionID) -> SessionAddress? {
        guard let address = sessions.removeValue(forKey: session) else { return nil }
        if let index = lanes.firstIndex(where: { $0.lane === address.lane }) {
            lanes[index].count -= 1
            if lanes[index].count == 0 { lanes.remove(at: index) }
        }
        return address
    }

    /// Sessions of one account, or all, in no order.
    func sessions(of account: AccountID?) -> [SessionAddress] {
        sessions.values.filter { account == nil || $0.account == account }
    }

    func broadcast(_ topic: Topic, _ broadcast: Broadcast, except: SessionID? = nil) {
        for entry in lanes { entry.lane.hand(.broadcast(topic, broadcast, except: except)) }
    }
}
