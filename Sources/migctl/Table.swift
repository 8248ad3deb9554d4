/// Columns of text, as wide as they must be.
struct Table {
    struct Column {
        let title: String
        var isRightAligned = false
        /// Whether the column is left out when no row has anything in it.
        var isOptional = false
        /// In a table of fixed columns; a longer cell pushes the rest of its row.
        var width = 0

        static func text(_ title: String) -> Column { Column(title: title) }
        static func number(_ title: String) -> Column { Column(title: title, isRightAligned: true) }
        static func optional(_ title: String) -> Column { Column(title: title, isOptional: true) }

        func fixed(_ width: Int) -> Column {
            var column = self
            column.width = width
            return column
        }
    }

    struct Cell: ExpressibleByStringInterpolation {
        let text: SafeText
        let style: Style

        init(_ text: SafeText, _ style: Style = .plain) {
            self.text = text
            self.style = style
        }
        init(stringLiteral value: String) { self.init(SafeText(stringLiteral: value)) }
        init(stringInterpolation: SafeText.Interpolation) {
            self.init(SafeText(stringInterpolation: stringInterpolation))
        }
        /// Something from outside, or nothing.
        init(_ outside: String?) { self.init(SafeText(outside ?? "")) }
    }

    /// Of any column but the last: what others wrote must not push the rest out of sight.
    private static let widest = 64

    private let columns: [Column]
    private var rows: [[Cell]] = []

    init(_ columns: Column...) { self.columns = columns }

    var isEmpty: Bool { rows.isEmpty }

    /// Adds a row, one cell a column.
    mutating func add(_ cells: Cell...) {
        precondition(cells.count == columns.count, "a row has one cell for each column")
        rows.append(
            cells.dropLast().map { Cell($0.text.cut(to: Self.widest), $0.style) } + cells.suffix(1))
    }

    /// The lines, none ending in blanks; nothing at all for a table without rows.
    ///
    /// Columns without any title, or `titles` false, leave the first line out. With fixed columns the rows of several tables
    /// stand under one line of titles.
    func lines(color: Bool, titles isTitled: Bool = true, fixed isFixed: Bool = false) -> [String] {
        guard !rows.isEmpty else { return [] }
        let shown = columns.indices.filter { column in
            isFixed || !columns[column].isOptional || rows.contains { !$0[column].text.isEmpty }
        }
        let titles = columns.map { Cell(SafeText(stringLiteral: $0.title), .heading) }
        let all = isTitled && columns.contains { !$0.title.isEmpty } ? [titles] + rows : rows
        let widths = columns.indices.map { column in
            isFixed ? columns[column].width : all.map { $0[column].text.columns }.max() ?? 0
        }
        return all.map { row in
            let last = shown.last { !row[$0].text.isEmpty }
            var line = ""
            for column in shown {
                guard let last, column <= last else { break }
                let cell = row[column]
                let padding = String(repeating: " ", count: max(0, widths[column] - cell.text.columns))
                let text = cell.style.applied(to: cell.text.description, color: color)
                line += line.isEmpty && column == shown.first ? "" : "  "
                line += columns[column].isRightAligned ? padding + text : text + (column == last ? "" : padding)
            }
            return line
        }
    }
}
