import Linux
import MIG
import TestSupport
import Testing

@Suite("Access control lists")
struct AccessACLTests {
    private func entries(user: UInt32, mask: UInt16 = 4) -> AccessACL {
        AccessACL([
            .init(.owner, 4), .init(.user(UserID(user)), 4), .init(.owningGroup, 0), .init(.mask, mask),
            .init(.other, 0),
        ])
    }

    @Test(.enabled(if: CurrentProcess.user == .root, "needs root and a file system with ACLs"))
    func `a list is read as it was written, and shows in the mode`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("node")
        try Files.write(path, [], mode: 0o400)
        #expect(try AccessACL.read(path) == nil)
        let granted = entries(user: 1000)
        try granted.apply(to: path)
        #expect(try AccessACL.read(path) == granted)
        #expect(try Files.attributes(path).mode == 0o440)
    }

    @Test(.enabled(if: CurrentProcess.user == .root, "needs root and a file system with ACLs"))
    func `a minimal list takes every grant away at once`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("node")
        try Files.write(path, [], mode: 0o400)
        try entries(user: 1000).apply(to: path)
        try AccessACL(mode: 0o400).apply(to: path)
        #expect(try AccessACL.read(path) == nil)
        #expect(try Files.attributes(path).mode == 0o400)
        // What a chmod could have revived is gone.
        try Files.setMode(path, 0o440)
        #expect(try AccessACL.read(path) == nil)
    }

    @Test func `the owner, named users, groups and others are asked in the kernel's order`() {
        let acl = AccessACL([
            .init(.owner, 0), .init(.user(UserID(1)), 4), .init(.user(UserID(2)), 0), .init(.owningGroup, 0),
            .init(.group(GroupID(30)), 4), .init(.mask, 4), .init(.other, 4),
        ])
        func read(_ user: UInt32, _ groups: [UInt32]) -> Bool {
            acl.permissions(
                of: UserID(user), groups: Set(groups.map(GroupID.init)), fileOwner: UserID(0), fileGroup: GroupID(0)
            ) & 4 != 0
        }
        #expect(!read(0, [30]))
        #expect(read(1, []))
        #expect(!read(2, [30]))
        #expect(read(3, [30]))
        #expect(!read(3, [0]))
        #expect(read(3, [99]))
    }

    @Test func `the mask cuts named entries down`() {
        let acl = entries(user: 1000, mask: 0)
        #expect(acl.permissions(of: UserID(1000), groups: [], fileOwner: .root, fileGroup: GroupID(0)) == 0)
    }
}
