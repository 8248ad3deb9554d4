import Linux
import TestSupport

/// Runs a line as an admin would who copied it from a message.
enum TestShell {
    static func run(_ line: String) throws -> Int32 {
        try Command.run("sh", ["-c", line]).code
    }
}
