// What a configuration that was read again changes in one that is in force: the values of keys that can be
// changed while the hub runs. The others stay, and are named.

/// A configuration in force, and what became of the differences to the one before.
package struct ReloadedConfiguration: Sendable {
    package var configuration: Configuration
    /// Names of keys in the order of the table.
    package var changed: [String] = []
    package var needRestart: [String] = []
}

extension Configuration {
    /// This configuration with what can be taken over from `newer`.
    package func reloaded(from newer: Configuration) -> ReloadedConfiguration {
        var result = ReloadedConfiguration(configuration: self)
        for key in ConfigurationKey.all {
            let value = key.show(newer)
            guard value != key.show(self) else { continue }
            // What a key shows it reads back. A value that is gone has no text.
            if key.isReloadable, let value, (try? key.read(value, &result.configuration)) != nil {
                result.changed.append(key.name)
            } else {
                result.needRestart.append(key.name)
            }
        }
        return result
    }
}
