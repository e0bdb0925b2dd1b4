// The accounts that a run's connections sign in with. A hub bounds the sessions of one account, so a run with
// more connections than that invites further people, each when the one before has no room left.

internal import Foundation

final class AccountPool {
    private struct Account {
        var token: String
        let keeper: TokenKeeper
    }

    /// As many as the most connections need at the hub's default of 100 sessions for each.
    private static let accountsMax = 1_000

    private let endpoint: Endpoint
    private let tls: TLSContext?
    private let verifiesPeer: Bool
    private let authorities: String?
    private let prepare: (String) throws -> Void
    private var accounts: [Account] = []
    /// By connection: the account that it signs in with.
    private var owners: [Int: Int] = [:]
    private var invitation: String?

    /// - Parameter prepare: gets the token of each further account, to join what the run is about.
    init(_ first: SignedIn, endpoint: Endpoint, tls: TLSContext?, verifiesPeer: Bool, authorities: String?,
         prepare: @escaping (String) throws -> Void) {
        self.endpoint = endpoint
        self.tls = tls
        self.verifiesPeer = verifiesPeer
        self.authorities = authorities
        self.prepare = prepare
        add(first)
    }

    /// The account that the run was given, and those invited for it.
    var count: Int { accounts.count }
    /// The token of the account that the run was given.
    var firstToken: String { accounts[0].token }

    /// What a connection signs in with; it stays with the account for the run.
    func token(of slot: Int) -> String {
        let owner = owners[slot] ?? accounts.count - 1
        owners[slot] = owner
        return accounts[owner].token
    }

    /// The hub closed a connection because its account has all the sessions it may have: the next attempt
    /// of that connection is another account's, which is invited if need be.
    func moveOn(_ slot: Int) throws {
        if owners[slot] ?? 0 == accounts.count - 1 { try invite() }
        owners[slot] = accounts.count - 1
    }

    /// Call about once a second: connections that should be given a new token.
    func renewed() -> (slots: [Int], failure: String?) {
        var fresh: Set<Int> = []
        for index in accounts.indices {
            guard let token = accounts[index].keeper.takeRenewed() else { continue }
            accounts[index].token = token
            fresh.insert(index)
        }
        let slots = fresh.isEmpty ? [] : owners.filter { fresh.contains($0.value) }.keys.sorted()
        return (slots, accounts.lazy.compactMap(\.keeper.failure).first)
    }

    private func add(_ signedIn: SignedIn) {
        accounts.append(Account(
            token: signedIn.accessToken,
            keeper: TokenKeeper(signedIn, endpoint: endpoint, verifiesPeer: verifiesPeer, authorities: authorities)))
    }

    private func invite() throws {
        guard accounts.count < Self.accountsMax else {
            throw BenchError("\(accounts.count) accounts have all the sessions they may have")
        }
        let signIn = SignIn(endpoint, tls: tls)
        do {
            let token = try invitation ?? signIn.invitation(by: firstToken, uses: Self.accountsMax)
            invitation = token
            let signedIn = try signIn.accept(invitation: token, number: accounts.count + 1)
            try prepare(signedIn.accessToken)
            add(signedIn)
        } catch let error as BenchError {
            throw BenchError("the account has all the sessions it may have, and another could not be made: "
                + "\(error). Start the hub with --account-sessions-max 0, or sign in as an owner or admin")
        }
    }
}
