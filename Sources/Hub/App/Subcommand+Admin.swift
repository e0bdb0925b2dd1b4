// `hub admin …`: what an operator does to people from the shell. The list grows with the hub.

import Model

extension Subcommand {
    static let admin: [Subcommand] = []
}
