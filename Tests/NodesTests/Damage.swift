import Linux
import MIG
import Nodes
import Testing

/// One way in which a node can be wrong, as an attacker, the driver's helper or an admin would make it.
struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The node's path and a directory beside it to work in.
    let apply: @Sendable (String, String) throws -> Void

    /// The node is another thing than it must be.
    static let ofThing: [Damage] = [
        Damage(testDescription: "a plain file") { node, _ in
            try Files.remove(node)
            try Files.write(node, [])
            try Files.setMode(node, 0o400)
        },
        Damage(testDescription: "a symbolic link to the right node of another instance") { node, directory in
            try Files.remove(node)
            try Files.symlink(to: "\(directory)/nvidia-cap3", at: node)
        },
        Damage(testDescription: "a dangling link") { node, directory in
            try Files.remove(node)
            try Files.symlink(to: "\(directory)/nothing", at: node)
        },
        Damage(testDescription: "a directory") { node, _ in
            try Files.remove(node)
            try Files.makeDirectory(node)
        },
        Damage(testDescription: "a device of another driver") { node, _ in
            try Files.remove(node)
            try Files.makeCharacterDevice(node, DeviceNumber(major: 1, minor: 12), mode: 0o400)
        },
        Damage(testDescription: "the node of another instance") { node, _ in
            try Files.remove(node)
            try Files.makeCharacterDevice(node, DeviceNumber(major: DriverTree.major, minor: 21), mode: 0o400)
        },
        Damage(testDescription: "owned by a user") { node, _ in
            try Files.setOwner(node, .alice, GroupID(0))
        },
        Damage(testDescription: "owned by a group") { node, _ in
            try Files.setOwner(node, .root, GroupID(61001))
        },
        Damage(testDescription: "linked elsewhere too") { node, directory in
            try Files.link(node, at: "\(directory)/kept")
        },
    ]

    /// The node is the right thing, and open to somebody.
    static let ofAccess: [Damage] = [
        Damage(testDescription: "reset by the driver's helper") { node, _ in try Files.setMode(node, 0o444) },
        Damage(testDescription: "open to its group") { node, _ in try Files.setMode(node, 0o440) },
        Damage(testDescription: "open to others for writing") { node, _ in try Files.setMode(node, 0o402) },
        Damage(testDescription: "setuid") { node, _ in try Files.setMode(node, 0o4400) },
        Damage(testDescription: "closed to root") { node, _ in try Files.setMode(node, 0) },
        Damage(testDescription: "granted to two users") { node, _ in
            try AccessACL([
                .init(.owner, 4), .init(.user(.alice), 4), .init(.user(.bob), 4), .init(.owningGroup, 0),
                .init(.mask, 4), .init(.other, 0),
            ]).apply(to: node)
        },
        Damage(testDescription: "granted to a user and the world") { node, _ in
            try AccessACL([
                .init(.owner, 4), .init(.user(.alice), 4), .init(.owningGroup, 0), .init(.mask, 4), .init(.other, 4),
            ]).apply(to: node)
        },
        Damage(testDescription: "granted to a user for writing") { node, _ in
            try AccessACL([
                .init(.owner, 4), .init(.user(.alice), 6), .init(.owningGroup, 0), .init(.mask, 6), .init(.other, 0),
            ]).apply(to: node)
        },
        Damage(testDescription: "granted to a group") { node, _ in
            try AccessACL([
                .init(.owner, 4), .init(.owningGroup, 0), .init(.group(GroupID(61001)), 4), .init(.mask, 4),
                .init(.other, 0),
            ]).apply(to: node)
        },
        // The entry sleeps under an empty mask; the next chmod of a group bit would wake it.
        Damage(testDescription: "closed by chmod over an entry that stays") { node, _ in
            try NodeAccessList.granted(to: .alice).apply(to: node)
            try Files.setMode(node, 0o400)
        },
        Damage(testDescription: "granted and then reset by the driver's helper") { node, _ in
            try NodeAccessList.granted(to: .alice).apply(to: node)
            try Files.setMode(node, 0o444)
        },
    ]
}

/// The list of a grant, written down once more from the design and not from the code under test.
enum NodeAccessList {
    static func granted(to user: UserID) -> AccessACL {
        AccessACL([
            .init(.owner, 4), .init(.user(user), 4), .init(.owningGroup, 0), .init(.mask, 4), .init(.other, 0),
        ])
    }
}
