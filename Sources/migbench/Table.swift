/// What was measured, as text for people.
struct Table: CustomStringConvertible {
    /// Things that were timed side by side.
    struct Section {
        let title: String
        let rows: [Row]
    }

    /// One thing, beside its floor where it has one, and what it is meant to be.
    struct Row {
        let name: String
        fileprivate let cells: [String]

        init(_ name: String, _ samples: Samples, beside floor: Samples? = nil, aim: String = "") {
            self.name = name
            cells = [
                Self.time(samples.median), Self.time(samples.quantile(percent: 99)),
                floor.map { "\(Self.decimal(samples.median * 100 / max(1, $0.median), places: 2)) x" } ?? "", aim,
            ]
        }

        init(_ name: String, bytes: Int64, aim: String = "") {
            self.name = name
            cells = ["\(Self.decimal(bytes / 100_000, places: 1)) MB", "", "", aim]
        }

        private static func time(_ nanoseconds: Int64) -> String {
            nanoseconds < 1_000_000
                ? "\(decimal(nanoseconds / 100, places: 1)) us" : "\(decimal(nanoseconds / 10_000, places: 2)) ms"
        }

        /// A number given in units of its last place.
        private static func decimal(_ value: Int64, places: Int) -> String {
            let digits = String(value)
            let padded = String(repeating: "0", count: max(0, places + 1 - digits.utf8.count)) + digits
            return "\(padded.dropLast(places)).\(padded.suffix(places))"
        }
    }

    private static let nameWidth = 46
    private static let cellWidths = [9, 9, 9, 17]

    private let heading: String
    private var sections: [Section] = []

    init(_ heading: String) { self.heading = heading }

    mutating func add(_ section: Section) { sections.append(section) }

    var description: String {
        var text = "\(heading)\n\n"
        text += Self.line("", ["median", "p99", "ratio", "aim"])
        for section in sections {
            text += "\(section.title)\n"
            for row in section.rows { text += Self.line("  \(row.name)", row.cells) }
        }
        return text
    }

    private static func line(_ name: String, _ cells: [String]) -> String {
        var line = name + String(repeating: " ", count: max(0, nameWidth - name.utf8.count))
        for (cell, width) in zip(cells, cellWidths) {
            line += String(repeating: " ", count: max(0, width - cell.utf8.count)) + cell
        }
        while line.utf8.last == UInt8(ascii: " ") { line.removeLast() }
        return line + "\n"
    }
}
