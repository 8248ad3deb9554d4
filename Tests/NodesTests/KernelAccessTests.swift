import Glibc
import Linux
import MIG
import Nodes
import Testing

@Suite("Access as the kernel computes it")
struct KernelAccessTests {
    // 600 files of random mode, owner and list, each opened by 100 random identities: 60,000 answers of the kernel.
    @Test(.enabled(if: DriverTree.isRoot, "needs root: files of others and other users"))
    func `the broker's answer is open(2)'s answer, for random modes, lists, users and groups`() async {
        await #expect(processExitsWith: .success) {
            let tree = try DriverTree()
            try tree.makeFileMode()
            var random = Dice(state: 0x6d69_6762)
            let names =
                NodeName.all(ofGPU: 0) + NodeName.all(ofGPU: 1) + NodeName.all(ofGPU: 2)
                + NodeName.all(ofGPU: 3) + NodeName.all(ofGPU: 4).prefix(60)
            let store = NodeStore(driver: tree.path)
            for name in names { try random.makeFile(tree.node(name)) }
            let statuses = try names.map { try #require(try store.inspect($0)) }
            var allowed = 0
            for _ in 0..<100 {
                let caller = random.identity()
                for (status, isOpened) in zip(statuses, try Identity.opening(statuses.map(\.path), as: caller)) {
                    allowed += isOpened ? 1 : 0
                    guard status.permitsReading(by: caller) != isOpened else { continue }
                    Issue.record("the kernel says \(isOpened) to \(caller) for \(status)")
                }
            }
            // A test in which everything is refused, or nothing, would prove little.
            #expect((10_000...50_000).contains(allowed), "\(allowed) of 60000 allowed")
        }
    }
}

/// Numbers that look random and are the same in every run (SplitMix64).
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Few different ids, so that entries and callers meet often.
    private mutating func id() -> UInt32 { UInt32.random(in: 61000...61003, using: &self) }
    private mutating func permissions() -> UInt16 { UInt16.random(in: 0...7, using: &self) }

    mutating func identity() -> Caller {
        let count = Int.random(in: 1...3, using: &self)
        return Caller(user: UserID(id()), groups: Set((0..<count).map { _ in GroupID(id()) }))
    }

    mutating func makeFile(_ path: String) throws {
        if !Files.exists(path) { try Files.write(path, []) }
        try Files.setOwner(path, UserID(id()), GroupID(id()))
        try Files.setMode(path, UInt32.random(in: 0...0o777, using: &self))
        guard Bool.random(using: &self) else { return }
        let users = Set((0..<Int.random(in: 0...3, using: &self)).map { _ in UserID(id()) })
        let groups = Set((0..<Int.random(in: 0...3, using: &self)).map { _ in GroupID(id()) })
        var entries = [AccessACL.Entry(.owner, permissions())]
        for user in users.sorted() { entries.append(.init(.user(user), permissions())) }
        entries.append(.init(.owningGroup, permissions()))
        for group in groups.sorted() { entries.append(.init(.group(group), permissions())) }
        if entries.count > 2 || Bool.random(using: &self) { entries.append(.init(.mask, permissions())) }
        entries.append(.init(.other, permissions()))
        try AccessACL(entries).apply(to: path)
        // A chmod over a list changes its mask only: nvidia-modprobe does that to nodes.
        if Int.random(in: 0..<4, using: &self) == 0 {
            try Files.setMode(path, UInt32.random(in: 0...0o777, using: &self))
        }
    }
}

/// This process under another user's ids, and back; only for a process of its own.
private enum Identity {
    struct Failed: Error { let call: String }

    static func opening(_ paths: [String], as caller: Caller) throws -> [Bool] {
        let groups = caller.groups.map(\.rawValue)
        guard setgroups(groups.count, groups) == 0, setegid(groups[0]) == 0, seteuid(caller.user.rawValue) == 0 else {
            throw Failed(call: "becoming \(caller)")
        }
        let answers = paths.map { path in
            let file = open(path, O_RDONLY | O_CLOEXEC)
            if file >= 0 { close(file) }
            return file >= 0
        }
        guard seteuid(0) == 0, setegid(0) == 0 else { throw Failed(call: "coming back") }
        return answers
    }
}
