import JSON
import Linux

/// What `migctl` tells its caller by its exit status.
enum ExitCode: Int32 {
    case ok = 0
    case failed = 1
    case usage = 2
    case notAllowed = 3
    case notFound = 4
    case inUse = 5
    case noRoom = 6
    case needsReset = 7
    case waitedInVain = 8
    case noBroker = 9
    case checkFailed = 10
}

/// Why a verb did not do what it was asked: three lines for people, a status for programs.
struct Failure: Error {
    let code: ExitCode
    let what: SafeText
    let why: SafeText?
    let next: SafeText?
    /// The broker's error as it was on the wire, for `--json`.
    var wire: JSONValue?

    init(_ code: ExitCode, what: SafeText, why: SafeText? = nil, next: SafeText? = nil, wire: JSONValue? = nil) {
        self.code = code
        self.what = what
        self.why = why
        self.next = next
        self.wire = wire
    }

    /// A command line that makes no sense.
    init(_ error: UsageError, verb: String?) {
        let help = verb.map { "migctl \($0) --help" } ?? "migctl --help"
        self.init(.usage, what: SafeText(error.description), next: "see '\(help)'")
    }
}
