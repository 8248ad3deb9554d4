import MIG
import Testing

@Suite("Bounds")
struct BoundsTests {
    @Test func `every bound can be set by the name of its property`() {
        for (name, property) in Bounds.names {
            var bounds = Bounds()
            let isSet = bounds.set("\(name)=7")
            #expect(isSet)
            #expect(bounds[keyPath: property] == 7)
            var rest = bounds
            rest[keyPath: property] = Bounds()[keyPath: property]
            #expect(rest == Bounds(), "\(name) changes more than itself")
        }
    }

    @Test func `no two names are alike and no bound is left out`() {
        #expect(Set(Bounds.names.map(\.name)).count == Bounds.names.count)
        #expect(Mirror(reflecting: Bounds()).children.count == Bounds.names.count)
    }

    @Test(arguments: [
        "", "callBytes", "callBytes=", "callBytes=0", "callBytes=-1", "callBytes=x", "unknown=1",
        "callBytes=1000000001", "callBytes=01", "CallBytes=1", "callBytes=1=2",
    ])
    func `what sets no bound changes nothing`(assignment: String) {
        var bounds = Bounds()
        let isSet = bounds.set(assignment)
        #expect(!isSet)
        #expect(bounds == Bounds())
    }
}
