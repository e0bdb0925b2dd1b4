// What people read as one line of text: names of people, organisations and channels, and topics. Which scalars may
// stand in it is the same for commands and for HTTP; how long it may be is each field's own limit, in bytes.

package enum DisplayLine {
    package enum Fault: Hashable, Sendable {
        /// A control, a line break, a mark that turns the direction of the text around it, or what is no
        /// character at all.
        case control
        /// Nothing in it can be seen, so it could not be told from another, or from none.
        case invisible
        /// White space at an end.
        case padded
    }

    /// What is wrong with a name, or `nil`. An empty one is invisible.
    package static func fault(inName text: String) -> Fault? {
        let scalars = text.unicodeScalars
        if scalars.contains(where: isControl) { return .control }
        if !scalars.contains(where: isVisible) { return .invisible }
        let isPadded = scalars.first!.properties.isWhitespace || scalars.last!.properties.isWhitespace
        return isPadded ? .padded : nil
    }

    /// As for a name, but it may be empty, and have white space at its ends.
    package static func fault(inTopic text: String) -> Fault? {
        text.unicodeScalars.contains(where: isControl) ? .control : nil
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // Overrides and isolates of direction, and the byte order mark.
        case 0x202A...0x202E, 0x2066...0x2069, 0xFEFF: return true
        case 0x20...0x7E: return false
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return true
        default: return false
        }
    }

    /// It leaves ink by itself. Fillers such as U+3164 and U+1160 are letters to Unicode, and ignorable.
    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        // A Braille pattern without dots.
        if scalar.value == 0x2800 { return false }
        let properties = scalar.properties
        if properties.isWhitespace || properties.isDefaultIgnorableCodePoint { return false }
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .spacingMark, .format: return false
        default: return true
        }
    }
}
