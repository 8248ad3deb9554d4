import Glibc
import JSON
import Linux
import MIG
import TestSupport
import Testing
import Varlink

/// Real processes under other uids: only root can start them.
@Suite(
    .enabled(if: CurrentProcess.user == .root, "needs root: connects as other users"),
    .enabled(if: Command.exists("perl"), "needs perl"))
struct IdentityTests {
    /// Connects, becomes somebody before or after, calls WhoAmI and prints the reply. `@` starts an abstract address.
    static let program = """
        use strict; use Socket; use POSIX ();
        my ($path, $when, $uid, $gid, $groups, $name) = @ARGV;
        sub become {
            $) = "$gid " . join(" ", $groups eq "" ? $gid : split(/,/, $groups));
            $( = $gid;
            $< = $uid; $> = $uid;
            die "still uid $< $>" unless $< == $uid && $> == $uid;
        }
        become() if $when eq "before";
        socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
        $name =~ s/^\\@/\\0/ if defined $name;
        if (defined $name) { bind($s, sockaddr_un($name)) or die "bind: $!"; }
        connect($s, sockaddr_un($path)) or die "connect: $!";
        become() if $when eq "after";
        $SIG{PIPE} = "IGNORE";
        syswrite($s, "{\\"method\\":\\"org.example.test.WhoAmI\\"}\\0");
        my $reply = "";
        while (index($reply, "\\0") < 0) { sysread($s, $reply, 65536, length $reply) or last; }
        print $reply;
        """

    /// The answer to a client's WhoAmI; nil where he was turned away.
    static func whoAmI(
        _ server: TestServer, _ when: String = "before", uid: UInt32, gid: UInt32 = 4000, groups: [UInt32] = [],
        name: String? = nil
    ) throws -> JSONValue? {
        let arguments =
            ["-e", program, server.path, when, "\(uid)", "\(gid)", groups.map(String.init).joined(separator: ",")]
            + (name.map { [$0] } ?? [])
        let result = try Command.run("perl", arguments)
        try #require(result.code == 0, "\(result.errors)")
        let reply = result.output.utf8.prefix { $0 != 0 }.map { $0 }
        guard !reply.isEmpty else { return nil }
        let message = try JSONParser.parse(reply, limits: .reply)
        return message["error"] == nil ? message["parameters"] : nil
    }

    @Test(arguments: [0, 1, 1000, 65533, 65535, 2_147_483_647, 2_147_483_648, 4_294_967_294] as [UInt32])
    func `a uid is told exactly, at every boundary`(uid: UInt32) throws {
        let server = try TestServer()
        let who = try #require(try Self.whoAmI(server, uid: uid))
        #expect(who["uid"]?.integerValue == Int64(uid))
        #expect(who["gid"]?.integerValue == 4000)
    }

    @Test func `the overflow uid is nobody and is turned away`() throws {
        let server = try TestServer()
        #expect(try Self.whoAmI(server, uid: 65534) == nil)
        try eventually("the refusal is told") { server.record.refusals == ["identity: uid 65534 is no user's own"] }
        #expect(server.record.executed.isEmpty)
    }

    @Test func `groups are the primary one and the supplementary ones`() throws {
        let server = try TestServer()
        let who = try #require(try Self.whoAmI(server, uid: 4000, gid: 4001, groups: [4002, 4003, 4_294_967_290]))
        #expect(who["groups"] == [4001, 4002, 4003, 4_294_967_290])
    }

    @Test func `more groups than a first look has room for are all told`() throws {
        let server = try TestServer()
        let groups = (0..<3000).map { UInt32(10_000 + $0) }
        let who = try #require(try Self.whoAmI(server, uid: 4000, gid: 4001, groups: groups))
        #expect(who["groups"]?.arrayValue?.count == 3001)
    }

    @Test func `who opens a connection and then becomes another stays who he was`() throws {
        let server = try TestServer()
        let who = try #require(try Self.whoAmI(server, "after", uid: 4000))
        #expect(who["uid"] == 0)
    }

    @Test(arguments: ["x;uid=0;", "x\nuid=0", "x\"uid\":0", "x pid=1;uid=0;gid=0;socket=y"])
    func `the client's own address has no part in who he is`(name: String) throws {
        let server = try TestServer()
        let directory = try TemporaryDirectory()
        try Files.setMode(directory.path, 0o777)
        let who = try #require(try Self.whoAmI(server, uid: 4000, name: directory.path(name)))
        #expect(who["uid"] == 4000)
    }

    @Test func `an abstract address of the client has no part in who he is`() throws {
        let server = try TestServer()
        let who = try #require(try Self.whoAmI(server, uid: 4000, name: "@migbroker;uid=0;"))
        #expect(who["uid"] == 4000)
    }

    @Test func `one user's connections do not count against another's`() throws {
        let server = try TestServer { $0.connectionsPerUser = 3 }
        let mine = try (0..<3).map { _ in try server.wire() }
        for wire in mine { #expect(try wire.ask(Wire.echo("in")) == Wire.echoed("in")) }
        let who = try #require(try Self.whoAmI(server, uid: 4000))
        #expect(who["uid"] == 4000)
    }

    @Test func `the last connections are root's alone`() throws {
        let server = try TestServer {
            $0.connections = 6
            $0.connectionsForRoot = 4
        }
        // Two are left for everybody else; perl holds each for as long as its standard input is open. Nobody may come in
        // before both have connected, or one of them would find no room and hold nothing.
        let held = "\(server.path).held"
        let holder = """
            use Socket; open(my $f, ">", "$ARGV[0].held") or die; $) = "4000 4000"; $( = 4000; $< = $> = 4000;
            for (1..2) { socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un($ARGV[0])) or die; push @s, $s; }
            print $f "both"; close $f; sleep 1000;
            """
        let others = try KeptProcess("perl", ["-e", holder, server.path])
        try eventually("both are connected") { Files.exists(held) ? try !Files.read(held).isEmpty : false }
        try eventually("no third one comes in") { try Self.whoAmI(server, uid: 4001) == nil }
        #expect(try server.wire().ask(Wire.echo("root")) == Wire.echoed("root"))
        others.end()
        try eventually("there is room again") { try Self.whoAmI(server, uid: 4001) != nil }
    }

    @Test func `a client in another user's hands is told by the listener's owner`() throws {
        let directory = try TemporaryDirectory()
        try Files.setMode(directory.path, 0o777)
        let path = directory.path("squatted")
        let squatter = """
            use Socket; $) = "4000 4000"; $( = 4000; $< = $> = 4000;
            socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un($ARGV[0])) or die; listen($s, 5);
            accept(my $c, $s); sysread($c, my $text, 100); open(my $f, ">", "$ARGV[0].heard"); print $f $text; close $f;
            """
        let process = try KeptProcess("perl", ["-e", squatter, path])
        try process.waitUntil("the squatter listens") {
            try Files.read("/proc/net/unix").split(separator: 10).contains { line in
                line.reversed().starts(with: Array(path.utf8).reversed()) && line.contains(subsequence: " 00010000 ")
            }
        }
        #expect(throws: VarlinkClientError.wrongServer(found: UserID(4000), expected: .root)) {
            try VarlinkClient(path: path)
        }
        #expect(try process.waitForEnd() == .exited(0))
        #expect(try Files.read("\(path).heard").isEmpty)
    }
}

extension ArraySlice<UInt8> {
    fileprivate func contains(subsequence text: String) -> Bool {
        String(decoding: self, as: UTF8.self).contains(text)
    }
}
