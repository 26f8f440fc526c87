/// A file that a customer or an agent sent along with a message. It belongs to the customer: every agent may read it, and no
/// other customer.
package struct Attachment: Sendable, Equatable, Identifiable {
    package let id: UniqueID
    package let customer: UniqueID
    /// What its sender called it: 1 to 200 characters, none of them a control character, a slash or a mark of direction.
    package let name: String
    /// `TYPE/SUBTYPE` without parameters. An image's is what its bytes say.
    package let contentType: String
    /// Bytes.
    package let size: Int

    package init(id: UniqueID, customer: UniqueID, name: String, contentType: String, size: Int) {
        self.id = id
        self.customer = customer
        self.name = name
        self.contentType = contentType
        self.size = size
    }

    init?(id: UniqueID, fields: RecordFields) {
        guard let customer = fields["customer"].flatMap({ UniqueID($0) }), let name = fields["name"],
            let contentType = fields["contentType"], let size = fields["size"].flatMap({ Int($0) })
        else { return nil }
        self.init(id: id, customer: customer, name: name, contentType: contentType, size: size)
    }
}
