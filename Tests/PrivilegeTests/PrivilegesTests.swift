import Glibc
import Linux
import Testing

@testable import Privilege

@Suite("Privileges")
struct PrivilegesTests {
    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `only what is kept remains, in all five sets`() async {
        await #expect(processExitsWith: .success) {
            try #require(try Privileges.holds(.sysAdmin))
            try Privileges.dropOnThisThread(keeping: [.sysAdmin])
            let bit: UInt64 = 1 << UInt64(Capability.sysAdmin.rawValue)
            let status = try ThreadStatus()
            #expect(status["CapEff"] == bit)
            #expect(status["CapPrm"] == bit)
            #expect(status["CapInh"] == 0)
            #expect(status["CapAmb"] == 0)
            #expect(status["CapBnd"] == bit)
            #expect(status["NoNewPrivs"] == 1)
            #expect(try Privileges.holds(.sysAdmin))
            #expect(try !Privileges.holds(.mknod))
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `what was dropped cannot be used, raised or gained by executing`() async {
        await #expect(processExitsWith: .success) {
            try Privileges.dropOnThisThread(keeping: [])
            let node = "/tmp/migbroker-privilege-\(getpid())"
            #expect(throws: SystemError("mknod", .notPermitted, node)) {
                try Files.makeCharacterDevice(node, DeviceNumber(major: 4095, minor: 1), mode: 0o400)
            }
            #expect(throws: PrivilegeError.self) { try Privileges.dropOnThisThread(keeping: [.sysAdmin]) }
            let child = try ChildProcess(
                "/bin/sh", arguments: ["-c", "! grep -q '^Cap[EPBA]..:.*[1-9a-f]' /proc/self/status"], environment: [],
                streams: .init(input: nil, output: nil, error: nil))
            #expect(try child.wait() == .exited(0))
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root"))
    func `no debugger of the same uid may look in afterwards`() async {
        await #expect(processExitsWith: .success) {
            try Privileges.dropOnThisThread(keeping: [])
            // The kernel lets nobody without CAP_SYS_PTRACE into an undumpable process, not even another of uid 0.
            let child = try ChildProcess(
                "/bin/sh", arguments: ["-c", "! cat /proc/\(getpid())/environ >/dev/null 2>&1"], environment: [],
                streams: .init(input: nil, output: nil, error: nil))
            #expect(try child.wait() == .exited(0))
        }
    }

    @Test func `a right that is not held cannot be kept`() async {
        await #expect(processExitsWith: .success) {
            if try Privileges.holds(.sysAdmin) { try Privileges.dropOnThisThread(keeping: []) }
            #expect(throws: PrivilegeError.notHeld(.sysAdmin)) {
                try Privileges.dropOnThisThread(keeping: [.sysAdmin])
            }
        }
    }

    @Test func `a process without any right can still give up the little it has`() async {
        await #expect(processExitsWith: .success) {
            if geteuid() == 0 { try Privileges.dropOnThisThread(keeping: []) }
            try Privileges.dropOnThisThread(keeping: [])
            let status = try ThreadStatus()
            #expect(status["CapEff"] == 0)
            #expect(status["NoNewPrivs"] == 1)
        }
    }

    @Test func `rights are not dropped once there are other threads`() async {
        await #expect(processExitsWith: .success) {
            let idle = try Thread(named: "idle") { Clock.sleep(milliseconds: 60_000) }
            idle.detach()
            do {
                try Privileges.drop(keeping: [])
                Issue.record("dropped with other threads running")
            } catch PrivilegeError.severalThreads(let count) {
                #expect(count > 1)
            }
            // Nothing was touched before the refusal.
            #expect(try ThreadStatus()["NoNewPrivs"] == 0)
        }
    }

    @Test(arguments: [
        (PrivilegeError.notHeld(.mknod), "this process does not hold CAP_MKNOD"),
        (.severalThreads(3), "rights must be dropped before the first thread, and there are 3"),
        (.call("cap_set_proc", errno: EPERM), "cap_set_proc: Operation not permitted"),
        (.notDropped("no_new_privs is off"), "rights were dropped, but no_new_privs is off"),
    ])
    private func `an error says what stands in the way`(error: PrivilegeError, text: String) {
        #expect(error.description == text)
    }
}

/// The kernel's own account of the calling thread, `/proc/thread-self/status`.
private struct ThreadStatus {
    private let lines: [String]

    init() throws {
        lines = String(decoding: try Files.read("/proc/thread-self/status"), as: UTF8.self)
            .split(separator: "\n").map(String.init)
    }

    /// A field as a number: sets are hexadecimal, the one digit of others reads the same.
    subscript(_ name: String) -> UInt64? {
        lines.first { $0.hasPrefix(name + ":") }
            .flatMap { UInt64($0.dropFirst(name.utf8.count + 1).drop { $0 == "\t" || $0 == " " }, radix: 16) }
    }
}
