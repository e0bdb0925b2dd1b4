// What of a configuration that was read again is taken over.

@testable import App
import Model
import Ports
import Testing

@Suite struct ReloadTests {
    @Test func theTableNamesKeysThatExist() {
        let names = Set(ConfigurationKey.all.map(\.name))
        #expect(ConfigurationKey.reloadable.isSubset(of: names.map { ExactText($0) }))
    }

    @Test func onlyReloadableKeysAreTakenOver() {
        let current = Configuration()
        var newer = Configuration()
        newer.logLevel = .debug
        newer.commandsBurst = 7
        newer.frontLoops = 2
        newer.heartbeatMilliseconds = 1_000
        let result = current.reloaded(from: newer)
        #expect(result.changed == ["commands_burst", "log_level"])
        #expect(result.needRestart == ["front_loops", "heartbeat"])
        #expect(result.configuration.logLevel == .debug)
        #expect(result.configuration.commandsBurst == 7)
        #expect(result.configuration.frontLoops == nil)
        #expect(result.configuration.heartbeatMilliseconds == current.heartbeatMilliseconds)
        let again = result.configuration.reloaded(from: newer)
        #expect(again.changed.isEmpty && again.needRestart == result.needRestart)
    }

    /// A key that cannot be written as text again would be lost at a reload.
    @Test func everyReloadableKeyReadsWhatItShows() throws {
        for key in ConfigurationKey.all where key.isReloadable {
            var reader = ConfigurationReader()
            try reader.readOption(key, key.defaultText)
            #expect(Configuration().reloaded(from: reader.configuration).changed.isEmpty, "\(key.name)")
        }
    }
}
