/// What was measured, as text for people.
struct Table: CustomStringConvertible {
    /// Things that were timed side by side.
    struct Section {
        let title: String
        let rows: [Row]
    }

    /// What a figure is meant to be.
    enum Aim {
        case atMost(Int64)
        /// Hundredths of the floor.
        case times(Int64)
        case floorPlus(Int64)
        case perSecond(Int64)
        case bytes(Int64)
    }

    /// One thing, beside its floor where it has one, and what it is meant to be.
    struct Row {
        let name: String
        fileprivate let cells: [String]

        init(_ name: String, _ samples: Samples, beside floor: Samples? = nil, aim: Aim? = nil) {
            self.init(
                name, [Figure.time(samples.median), Figure.time(samples.quantile(percent: 99))], samples.median,
                floor?.median, aim)
        }

        /// Of a rate: how often a second, each time.
        init(_ name: String, rate: Samples, beside floor: Samples? = nil, aim: Aim? = nil) {
            self.init(name, ["\(rate.median)/s", ""], rate.median, floor?.median, aim)
        }

        init(_ name: String, bytes: Int64, aim: Aim? = nil) {
            self.init(name, [Figure.megabytes(bytes), ""], bytes, nil, aim)
        }

        /// Of what could not be measured.
        init(_ name: String, note: String) {
            self.name = name
            cells = [note]
        }

        private init(_ name: String, _ figures: [String], _ value: Int64, _ floor: Int64?, _ aim: Aim?) {
            self.name = name
            let ratio = floor.map { "\(Figure.decimal(value * 100 / max(1, $0), places: 2)) x" } ?? ""
            let verdict = aim.map { $0.isMet(by: value, floor ?? 0) ? "met" : "missed" } ?? ""
            cells = figures + [ratio, aim?.description ?? "", verdict]
        }
    }

    private static let nameWidth = 48
    private static let cellWidths = [11, 9, 9, 16, 8]

    private let heading: String
    private var sections: [Section] = []

    init(_ heading: String) { self.heading = heading }

    mutating func add(_ section: Section) { sections.append(section) }

    var description: String {
        var text = "\(heading)\n\n"
        text += Self.line("", ["median", "p99", "ratio", "aim", ""])
        for section in sections {
            text += "\(section.title)\n"
            for row in section.rows { text += Self.line("  \(row.name)", row.cells) }
        }
        return text
    }

    private static func line(_ name: String, _ cells: [String]) -> String {
        var line = name + String(repeating: " ", count: max(0, nameWidth - name.utf8.count))
        for (cell, width) in zip(cells, cellWidths) {
            line += String(repeating: " ", count: max(1, width - cell.utf8.count)) + cell
        }
        while line.utf8.last == UInt8(ascii: " ") { line.removeLast() }
        return line + "\n"
    }
}

extension Table.Aim: CustomStringConvertible {
    var description: String {
        switch self {
        case .atMost(let nanoseconds): Figure.time(nanoseconds)
        case .times(let hundredths): "\(Figure.decimal(hundredths, places: 2)) x"
        case .floorPlus(let nanoseconds): "floor + \(Figure.time(nanoseconds))"
        case .perSecond(let count): "\(count)/s"
        case .bytes(let count): Figure.megabytes(count)
        }
    }

    func isMet(by value: Int64, _ floor: Int64) -> Bool {
        switch self {
        case .atMost(let most), .bytes(let most): value <= most
        case .times(let hundredths): value * 100 <= floor * hundredths
        case .floorPlus(let most): value <= floor + most
        case .perSecond(let least): value >= least
        }
    }
}

/// Numbers for people.
private enum Figure {
    static func time(_ nanoseconds: Int64) -> String {
        nanoseconds < 1_000_000
            ? "\(decimal(nanoseconds / 100, places: 1)) us" : "\(decimal(nanoseconds / 10_000, places: 2)) ms"
    }

    static func megabytes(_ bytes: Int64) -> String { "\(decimal(bytes / 100_000, places: 1)) MB" }

    /// A number given in units of its last place.
    static func decimal(_ value: Int64, places: Int) -> String {
        let digits = String(value)
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.utf8.count)) + digits
        return "\(padded.dropLast(places)).\(padded.suffix(places))"
    }
}
