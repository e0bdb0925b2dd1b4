// One unit of work for an engine: statements that happen together or not at all. Everything the ports
// ask is one job and needs no answer half-way, so PostgreSQL gets it in one go (pipeline mode) and
// SQLite runs it without giving up its thread.

/// Statements of one transaction, and what to ask if they break a constraint.
struct Job: Sendable {
    enum Access: Sendable {
        /// Changes nothing; may run beside writers and be repeated.
        case read
        case write
        /// A write that may share its transaction with others of its kind. `order` is the same for all
        /// hubs: locks are taken in it, so that batches cannot deadlock.
        case append(order: (UInt64, UInt64))
    }

    let access: Access
    /// It stores more of what people write or make. Such jobs are refused when there is little room, so that others
    /// (sign-ins, revocations, removals) still find some.
    let isContent: Bool
    let statements: [Bound]
    /// Reads that tell why the constraint broke. They run after the statements were undone. Without
    /// them a broken constraint is a fault.
    let explain: (@Sendable () -> [Bound])?
    /// What it holds in memory while it waits.
    let bytes: Int

    init(_ access: Access, isContent: Bool = false, _ statements: [Bound],
         explain: (@Sendable () -> [Bound])? = nil) {
        self.access = access
        self.isContent = isContent
        self.statements = statements
        self.explain = explain
        bytes = statements.reduce(128) { $0 + $1.bytes }
    }

    var isRead: Bool {
        if case .read = access { true } else { false }
    }

    /// SQL text cannot hold U+0000 in PostgreSQL; both engines refuse it alike.
    var hasNUL: Bool {
        statements.contains { bound in
            bound.values.contains { value in
                if case .text(let text) = value { text.utf8.contains(0) } else { false }
            }
        }
    }
}

enum JobOutcome: Sendable {
    /// It is durable (or read); the rows of each statement.
    case done([Rows])
    /// A constraint broke, nothing was changed; the rows of each explaining statement.
    case refused([Rows])
}
