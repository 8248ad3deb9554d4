import JSON
import Linux

/// How a piece of text stands out on a terminal that has colours.
enum Style {
    case plain, heading, good, caution, bad, faint

    /// The text between this style's escape sequences.
    func applied(to text: String, color: Bool) -> String {
        let code =
            switch self {
            case .plain: ""
            case .heading: "1"
            case .good: "32"
            case .caution: "33"
            case .bad: "31"
            case .faint: "2"
            }
        return code.isEmpty || text.isEmpty || !color ? text : "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}

/// The two streams: results on standard output, talk on standard error.
struct Output {
    let isQuiet: Bool
    private let colorsResults: Bool
    private let colorsTalk: Bool

    init(isQuiet: Bool = false, allowsColor: Bool = true) {
        self.isQuiet = isQuiet
        let isAllowed =
            allowsColor && CurrentProcess.environment("NO_COLOR").map(\.isEmpty) != false
            && CurrentProcess.environment("TERM") != "dumb"
        colorsResults = isAllowed && Terminal.isTerminal(Terminal.output)
        colorsTalk = isAllowed && Terminal.isTerminal(Terminal.error)
    }

    /// A line of the result.
    func line(_ text: SafeText, _ style: Style = .plain) throws(Failure) {
        try write(style.applied(to: text.description, color: colorsResults) + "\n")
    }

    /// A table of the result.
    func table(_ table: Table, titles: Bool = true, fixed: Bool = false) throws(Failure) {
        let lines = table.lines(color: colorsResults, titles: titles, fixed: fixed)
        if !lines.isEmpty { try write(lines.joined(separator: "\n") + "\n") }
    }

    /// A value as it was on the wire, on one line; the writer escapes what a terminal must not see.
    func json(_ value: JSONValue) throws(Failure) { try write(value.text() + "\n") }

    /// Lines of the result as they are, of which a terminal may see every byte: records of the log are printable ASCII.
    func bytes(_ lines: [UInt8]) throws(Failure) {
        guard !lines.isEmpty else { return }
        do throws(SystemError) {
            try Terminal.write(lines)
        } catch {
            throw Self.failure(error)
        }
    }

    /// Something that a person may want to know; `-q` silences it.
    func talk(_ text: SafeText) {
        if !isQuiet { error(text) }
    }

    /// A line on standard error, also when quiet.
    func error(_ text: SafeText, _ style: Style = .plain) {
        let prefix = style.applied(to: "migctl:", color: colorsTalk)
        // Nobody is left to tell that standard error is closed.
        try? Terminal.write("\(prefix) \(text)\n", to: Terminal.error)
    }

    /// A question on standard error; the answer is yes only where a person types it.
    func ask(_ question: SafeText) -> Bool {
        // As above: an unseen question is answered no.
        guard (try? Terminal.write("migctl: \(question) [y/N] ", to: Terminal.error)) != nil,
            let answer = Terminal.readLine()
        else { return false }
        return ["y", "yes", "Y", "Yes", "YES"].contains { $0.hasBytes(of: answer) }
    }

    private func write(_ text: String) throws(Failure) {
        do throws(SystemError) {
            try Terminal.write(text)
        } catch {
            throw Self.failure(error)
        }
    }

    private static func failure(_ error: SystemError) -> Failure {
        Failure(.failed, what: "the result could not be written", why: SafeText(error.description))
    }
}
