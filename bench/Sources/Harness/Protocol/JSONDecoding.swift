// ServerFrame of docs/hub.v1.proto from JSON: the fields the bench looks at; all others are
// skipped.

enum JSONDecoding {
    static func serverFrame(_ cursor: inout JSONCursor, _ frame: inout Inbound) throws {
        try cursor.object { cursor, key in
            if cursor.matches(key, "id") {
                frame.id = UInt32(truncatingIfNeeded: try cursor.number())
            } else if cursor.matches(key, "events") {
                frame.kind = .events
                try events(&cursor, &frame)
            } else if cursor.matches(key, "posted") {
                frame.kind = .posted
                try posted(&cursor, &frame)
            } else if cursor.matches(key, "history_page") {
                frame.kind = .historyPage
                try events(&cursor, &frame)
            } else if cursor.matches(key, "channel_list") {
                frame.kind = .channelList
                try channelList(&cursor, &frame)
            } else if cursor.matches(key, "channel") {
                frame.kind = .channel
                try cursor.object { cursor, key in
                    guard cursor.matches(key, "channel") else { return try cursor.skip() }
                    try channel(&cursor, &frame)
                }
            } else if let kind = plainKind(cursor, key) {
                frame.kind = kind
                try plain(&cursor, &frame)
            } else {
                try cursor.skip()
            }
        }
    }

    private static func plainKind(_ cursor: JSONCursor, _ key: Slice) -> Inbound.Kind? {
        if cursor.matches(key, "error") { return .error }
        if cursor.matches(key, "welcome") { return .welcome }
        if cursor.matches(key, "refreshed") { return .refreshed }
        if cursor.matches(key, "pong") { return .pong }
        if cursor.matches(key, "done") { return .done }
        if cursor.matches(key, "subscribed") { return .subscribed }
        if cursor.matches(key, "broadcast") { return .broadcast }
        if cursor.matches(key, "subscription_ended") { return .subscriptionEnded }
        if cursor.matches(key, "closing") { return .closing }
        return nil
    }

    /// Messages whose interesting fields have the same names and types wherever they occur.
    private static func plain(_ cursor: inout JSONCursor, _ frame: inout Inbound) throws {
        try cursor.object { cursor, key in
            if cursor.matches(key, "code") {
                frame.code = UInt32(truncatingIfNeeded: try cursor.number())
            } else if cursor.matches(key, "slug") {
                frame.slug = try cursor.string(&frame.unescaped)
            } else if cursor.matches(key, "message") {
                frame.message = try cursor.string(&frame.unescaped)
            } else if cursor.matches(key, "channel") {
                frame.channel = try cursor.string(&frame.unescaped)
            } else if cursor.matches(key, "text") {
                frame.text = try cursor.string(&frame.unescaped)
            } else if cursor.matches(key, "retryable") {
                frame.isRetryable = try cursor.boolean()
            } else if cursor.matches(key, "retry_after_ms") {
                frame.retryAfterMilliseconds = try cursor.number()
            } else if cursor.matches(key, "token_expires_at_ms") {
                frame.tokenExpiresAtMilliseconds = try cursor.number()
            } else if cursor.matches(key, "from") {
                frame.position = try position(&cursor)
            } else if cursor.matches(key, "head") {
                frame.head = try position(&cursor)
            } else if cursor.matches(key, "gap") {
                try gap(&cursor, &frame)
            } else if cursor.matches(key, "limits") {
                try limits(&cursor, &frame)
            } else {
                try cursor.skip()
            }
        }
    }

    private static func posted(_ cursor: inout JSONCursor, _ frame: inout Inbound) throws {
        try cursor.object { cursor, key in
            if cursor.matches(key, "channel") {
                frame.channel = try cursor.string(&frame.unescaped)
            } else if cursor.matches(key, "position") {
                frame.position = try position(&cursor)
            } else if cursor.matches(key, "event") {
                frame.eventID = try cursor.string(&frame.unescaped)
            } else if cursor.matches(key, "duplicate") {
                frame.isDuplicate = try cursor.boolean()
            } else {
                try cursor.skip()
            }
        }
    }

    private static func events(_ cursor: inout JSONCursor, _ frame: inout Inbound) throws {
        try cursor.object { cursor, key in
            if cursor.matches(key, "channel") {
                frame.channel = try cursor.string(&frame.unescaped)
            } else if cursor.matches(key, "epoch") {
                frame.epoch = try cursor.number()
            } else if cursor.matches(key, "more") {
                frame.hasMore = try cursor.boolean()
            } else if cursor.matches(key, "events") {
                try cursor.array { cursor in
                    var event = InboundEvent()
                    try JSONDecoding.event(&cursor, &event, &frame.unescaped)
                    frame.events.append(event)
                }
            } else {
                try cursor.skip()
            }
        }
    }

    private static func event(_ cursor: inout JSONCursor, _ event: inout InboundEvent,
                              _ unescaped: inout [UInt8]) throws {
        try cursor.object { cursor, key in
            if cursor.matches(key, "sequence") {
                event.sequence = try cursor.number()
            } else if cursor.matches(key, "id") {
                event.id = try cursor.string(&unescaped)
            } else if cursor.matches(key, "kind") {
                let kind = try cursor.string(&unescaped)
                event.kind = cursor.matches(kind, "MESSAGE") ? .message : .other
            } else if cursor.matches(key, "key") {
                event.key = try cursor.string(&unescaped)
            } else if cursor.matches(key, "text") {
                event.text = try cursor.string(&unescaped)
            } else {
                try cursor.skip()
            }
        }
    }

    private static func channelList(_ cursor: inout JSONCursor, _ frame: inout Inbound) throws {
        try cursor.object { cursor, key in
            guard cursor.matches(key, "channels") else { return try cursor.skip() }
            try cursor.array { cursor in try channel(&cursor, &frame) }
        }
    }

    private static func channel(_ cursor: inout JSONCursor, _ frame: inout Inbound) throws {
        var channel = InboundChannel()
        try cursor.object { cursor, key in
            if cursor.matches(key, "id") {
                channel.id = try cursor.string(&frame.unescaped)
            } else if cursor.matches(key, "name") {
                channel.name = try cursor.string(&frame.unescaped)
            } else if cursor.matches(key, "head") {
                channel.head = try position(&cursor)
            } else if cursor.matches(key, "joined") {
                channel.isJoined = try cursor.boolean()
            } else {
                try cursor.skip()
            }
        }
        frame.channels.append(channel)
    }

    private static func position(_ cursor: inout JSONCursor) throws -> Position {
        var position = Position()
        try cursor.object { cursor, key in
            if cursor.matches(key, "epoch") {
                position.epoch = try cursor.number()
            } else if cursor.matches(key, "sequence") {
                position.sequence = try cursor.number()
            } else {
                try cursor.skip()
            }
        }
        return position
    }

    private static func gap(_ cursor: inout JSONCursor, _ frame: inout Inbound) throws {
        try cursor.object { cursor, key in
            if cursor.matches(key, "from") {
                frame.gapFrom = try cursor.number()
            } else if cursor.matches(key, "to") {
                frame.gapTo = try cursor.number()
            } else {
                try cursor.skip()
            }
        }
    }

    private static func limits(_ cursor: inout JSONCursor, _ frame: inout Inbound) throws {
        try cursor.object { cursor, key in
            if cursor.matches(key, "text_bytes_max") {
                frame.textBytesMax = try cursor.number()
            } else if cursor.matches(key, "commands_in_flight_max") {
                frame.commandsInFlightMax = try cursor.number()
            } else if cursor.matches(key, "history_events_max") {
                frame.historyEventsMax = try cursor.number()
            } else {
                try cursor.skip()
            }
        }
    }
}
