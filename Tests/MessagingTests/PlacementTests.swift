import Messaging
import Testing

@Suite("Ids and partitions")
struct PlacementTests {
    /// CRC-16/XMODEM, as Redis Cluster hashes a tag.
    private func slot(_ tag: String) -> Int {
        var crc = 0
        for byte in tag.utf8 {
            crc ^= Int(byte) << 8
            for _ in 0..<8 { crc = crc & 0x8000 != 0 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1 & 0xffff }
        }
        return crc % 16384
    }

    @Test("The CRC used here is Redis's: the reference vector 123456789 hashes to 0x31C3")
    func referenceVector() {
        #expect(slot("123456789") == 0x31C3 % 16384)
    }

    @Test("The 64 tags spread evenly over 3, 6 and 12 primaries", arguments: [3, 6, 12])
    func tagsSpread(primaries: Int) {
        var counts = Array(repeating: 0, count: primaries)
        for partition in Partition.all {
            // redis-cli --cluster create gives each primary an equal run of slots.
            counts[slot(String(partition.tag.dropFirst().dropLast())) * primaries / 16384] += 1
        }
        #expect(counts.max()! - counts.min()! <= 1)
        #expect(Set(Partition.all.map(\.tag)).count == 64)
    }

    @Test("An id carries its partition through text and back")
    func idsCarryTheirPartition() throws {
        for partition in Partition.all {
            let id = UniqueID(in: partition)
            #expect(id.partition == partition)
            #expect(try #require(UniqueID(id.description)) == id)
            #expect(try #require(UniqueID(id.description.uppercased())) == id)
            let text = Array(id.description)
            #expect(text[14] == "4")
            #expect("89ab".contains(text[19]))
        }
    }

    @Test(
        "What is no UUID is no id",
        arguments: [
            "", "session-123", "550e8400-e29b-41d4-a716-44665544000", "550e8400-e29b-41d4-a716-4466554400000",
            "550e8400e29b-41d4-a716-4466554400000", "550e8400-e29b-41d4-a716-44665544000g",
            "550e8400-e29b-41d4-a716-44665544000 ",
        ]
    )
    func refusesOtherText(text: String) {
        #expect(UniqueID(text) == nil)
    }

    @Test("Every hexadecimal digit counts in its place, and no other byte is one")
    func digits() throws {
        let text = Array("0123abcd-4567-4def-89ab-0123456789ab".utf8)
        for position in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[position] = byte
                let id = changed.withUnsafeBytes { UniqueID(utf8: $0) }
                let isHyphen = [8, 13, 18, 23].contains(position)
                let character = Character(Unicode.Scalar(byte))
                let isAllowed = isHyphen ? character == "-" : byte < 0x80 && character.isHexDigit
                #expect((id != nil) == isAllowed, "\(byte) at \(position)")
                if let id { #expect(id.description == String(decoding: changed, as: UTF8.self).lowercased()) }
            }
        }
        let id = try #require(UniqueID("01234567-89ab-cdef-fedc-ba9876543210"))
        #expect(id.high == 0x0123_4567_89ab_cdef)
        #expect(id.low == 0xfedc_ba98_7654_3210)
    }

    @Test("Ten thousand ids of a partition are all different")
    func idsDiffer() {
        #expect(Set((0..<10_000).map { _ in UniqueID(in: Partition(7)) }).count == 10_000)
    }

    @Test("A channel identity's partition never changes, and identities spread over all partitions")
    func identitiesSpread() {
        #expect(Partition(of: ChannelIdentity(channel: .web, channelID: "web_user_123456")).number == 40)
        var counts = Array(repeating: 0, count: 64)
        for number in 0..<64_000 {
            counts[Partition(of: ChannelIdentity(channel: .whatsApp, channelID: "+86138\(number)")).number] += 1
        }
        #expect(counts.min()! > 800)
        #expect(counts.max()! < 1200)
    }

    @Test(
        "Times are written as the guide writes them",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1_705_314_600_000, "2024-01-15T10:30:00Z"),
            (1_705_314_600_999, "2024-01-15T10:30:00Z"), (951_782_400_000, "2000-02-29T00:00:00Z"),
            (4_102_444_799_000, "2099-12-31T23:59:59Z"), (-1, "1969-12-31T23:59:59Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00Z"), (253_402_300_799_999, "9999-12-31T23:59:59Z"),
            // No record holds such times; one that did must not end the program that reads it.
            (-62_167_219_200_001, "0000-01-01T00:00:00Z"), (253_402_300_800_000, "9999-12-31T23:59:59Z"),
            (.min, "0000-01-01T00:00:00Z"), (.max, "9999-12-31T23:59:59Z"),
        ]
    )
    func timestamps(milliseconds: Int, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).iso8601 == text)
    }
}
