// Wrapped keys and the installation record: who comes second takes what stands.

import Model
import Ports
import Store
import Testing

@Suite struct KeyTests {
    private func key(_ purpose: KeyPurpose?, parent: KeyID? = nil) -> WrappedKey {
        WrappedKey(id: fresh(), parent: parent, purpose: purpose, state: .active,
                   wrapped: [UInt8](repeating: 3, count: 61), checkValue: [UInt8](repeating: 4, count: 32),
                   createdAt: start)
    }

    @Test(arguments: Database.allCases)
    func theFirstInstallationStands(_ database: Database) async throws {
        try await database.withStore { store, _ in
            #expect(try await store.installation() == nil)
            let answers = try await withThrowingTaskGroup(of: InstallationRecord.self) { group in
                for number: UInt8 in 0..<8 {
                    group.addTask {
                        try await store.establishInstallation(
                            InstallationRecord(salt: [UInt8](repeating: number, count: 16),
                                               masterCheckValue: [number], signingKey: [number, number]))
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(answers.count == 1)
            #expect(try await store.installation() == answers.first)
            #expect(answers.first?.salt.count == 16)
        }
    }

    @Test(arguments: Database.allCases)
    func oneActiveKeyForEachPurpose(_ database: Database) async throws {
        try await database.withStore { store, _ in
            let organisation: OrganisationID = fresh()
            var all: [WrappedKey] = []
            for purpose in [nil] + KeyPurpose.allCases {
                #expect(try await store.activeKey(organisation, purpose) == nil)
                let answers = try await withThrowingTaskGroup(of: WrappedKey.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await store.establishKey(organisation, key(purpose, parent: fresh()))
                        }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(answers.count == 1)
                all += answers
                #expect(try await store.activeKey(organisation, purpose) == answers.first)
            }
            for key in all {
                #expect(try await store.key(organisation, key.id) == key)
                #expect(try await store.key(fresh(), key.id) == nil)
            }
            #expect(try await store.key(organisation, fresh()) == nil)
        }
    }
}
