import Glibc
import Linux

/// Descriptors that outlive this program, in the command that it becomes.
enum Descriptors {
    static func openForGood(_ path: String) throws(SystemError) {
        let raw = try Files.open(path, [.read, .nonBlocking]).release()
        guard fcntl(raw, F_SETFD, 0) == 0 else { throw SystemError("fcntl", Errno(rawValue: errno), path) }
    }
}

/// Becomes a command, found along PATH where its name has no slash.
func execute(_ command: [String], adding variables: [String: String] = [:]) throws(Failure) -> Never {
    let names = Set(variables.keys)
    let kept = CurrentProcess.environment().filter { entry in
        !names.contains(String(entry.prefix { $0 != "=" }))
    }
    let environment = kept + variables.map { "\($0.key)=\($0.value)" }
    let name = command[0]
    let candidates: [String]
    if name.utf8.contains(UInt8(ascii: "/")) {
        candidates = [name]
    } else {
        let path = CurrentProcess.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
        candidates = path.split(separator: ":").map { "\($0)/\(name)" }
    }
    var last = SystemError("execve", .notFound, name)
    for candidate in candidates {
        do throws(SystemError) {
            try CurrentProcess.execute(candidate, arguments: command, environment: environment)
        } catch  where error.code == .notFound || error.code == .notDirectory {
            continue
        } catch {
            last = error
        }
    }
    throw .system(last)
}
