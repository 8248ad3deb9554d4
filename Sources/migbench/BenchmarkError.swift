import Linux

/// Why nothing was measured.
enum BenchmarkError: Error, CustomStringConvertible {
    case needsRoot
    case notBuilt(String)
    /// A program ended when it should not have, or not well.
    case program(String, code: Int32, said: String)
    case noAnswer(seconds: Int, said: String)
    /// An answer that a broker in order would not give.
    case unexpected(String)
    case interrupted
    case other(String)

    /// Whatever failed below, in its own words.
    static func from<Value: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) throws(BenchmarkError) -> Value {
        do throws(Failure) { return try body() } catch { throw .other("\(error)") }
    }

    var description: String {
        switch self {
        case .needsRoot: "needs root: the broker it measures does, and so do device nodes"
        case .notBuilt(let path): "\(path) is missing: 'swift run -c release migbench' builds it"
        case .program(let name, let code, let said): "\(name) ended with status \(code)\n\(said)"
        case .noAnswer(let seconds, let said): "the broker did not answer in \(seconds) s\n\(said)"
        case .unexpected(let what): what
        case .interrupted: "interrupted"
        case .other(let reason): reason
        }
    }
}
