// A client's whole life with the AWS SDK for JavaScript v3, as an application would write it. Prints what it saw as JSON.
// Arguments: endpoint, region, access key id, secret, collection, folder of photographs (ada-1.png, ada-2.png, eve-1.png).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  AssociateFacesCommand,
  CompareFacesCommand,
  CreateCollectionCommand,
  CreateUserCommand,
  DeleteCollectionCommand,
  DeleteFacesCommand,
  DeleteUserCommand,
  DescribeCollectionCommand,
  DetectFacesCommand,
  DetectLabelsCommand,
  DisassociateFacesCommand,
  IndexFacesCommand,
  ListTagsForResourceCommand,
  RekognitionClient,
  ResourceAlreadyExistsException,
  SearchFacesByImageCommand,
  SearchFacesCommand,
  SearchUsersByImageCommand,
  SearchUsersCommand,
  TagResourceCommand,
  paginateListCollections,
  paginateListFaces,
  paginateListUsers,
} from "@aws-sdk/client-rekognition";

const [endpoint, region, accessKeyId, secretAccessKey, CollectionId, folder] = process.argv.slice(2);
const client = new RekognitionClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
const send = (command) => client.send(command);
const photograph = (name) => ({ Bytes: readFileSync(join(folder, name)) });
const seen = {};

const made = await send(new CreateCollectionCommand({ CollectionId, Tags: { team: "front desk" } }));
seen.status = made.StatusCode;
try {
  await send(new CreateCollectionCommand({ CollectionId }));
} catch (error) {
  seen.duplicate = error instanceof ResourceAlreadyExistsException && error.message;
}
await send(new TagResourceCommand({ ResourceArn: made.CollectionArn, Tags: { floor: "2" } }));
seen.tags = (await send(new ListTagsForResourceCommand({ ResourceArn: made.CollectionArn }))).Tags;

const faces = {};
for (const name of ["ada-1.png", "ada-2.png", "eve-1.png"]) {
  const answer = await send(new IndexFacesCommand({ CollectionId, Image: photograph(name), ExternalImageId: name }));
  faces[name] = answer.FaceRecords[0].Face.FaceId;
}
const described = await send(new DescribeCollectionCommand({ CollectionId }));
seen.faces = described.FaceCount;
seen.age = (Date.now() - described.CreationTimestamp.getTime()) / 1000;
seen.arns = described.CollectionARN === made.CollectionArn;

const Image = photograph("ada-1.png");
const names = (matches) => matches.map((match) => match.Face.ExternalImageId);
seen.byImage = names((await send(new SearchFacesByImageCommand({ CollectionId, Image }))).FaceMatches);
const FaceId = faces["ada-1.png"];
seen.byFace = names((await send(new SearchFacesCommand({ CollectionId, FaceId }))).FaceMatches);
seen.detected = (await send(new DetectFacesCommand({ Image, Attributes: ["ALL"] }))).FaceDetails.length;
const pair = { SourceImage: Image, TargetImage: photograph("eve-1.png") };
seen.unmatched = (await send(new CompareFacesCommand(pair))).UnmatchedFaces.length;

const UserId = "ada";
const FaceIds = [faces["ada-1.png"], faces["ada-2.png"]];
await send(new CreateUserCommand({ CollectionId, UserId }));
seen.associated = (await send(new AssociateFacesCommand({ CollectionId, UserId, FaceIds }))).AssociatedFaces.length;
const users = (answer) => answer.UserMatches.map((match) => match.User.UserId);
seen.usersByImage = users(await send(new SearchUsersByImageCommand({ CollectionId, Image })));
seen.usersByFace = users(await send(new SearchUsersCommand({ CollectionId, FaceId })));

const gathered = async (pages, member) => {
  const items = [];
  for await (const page of pages) items.push(...page[member]);
  return items;
};
const paged = { client, pageSize: 2 };
seen.listed = (await gathered(paginateListFaces(paged, { CollectionId }), "Faces")).length;
seen.users = await gathered(paginateListUsers(paged, { CollectionId }), "Users");
seen.collection = (await gathered(paginateListCollections(paged, {}), "CollectionIds")).includes(CollectionId);

try {
  await send(new DetectLabelsCommand({ Image }));
} catch (error) {
  seen.refused = error.name;
}
await send(new DisassociateFacesCommand({ CollectionId, UserId, FaceIds }));
await send(new DeleteUserCommand({ CollectionId, UserId }));
seen.deleted = (await send(new DeleteFacesCommand({ CollectionId, FaceIds }))).DeletedFaces.length;
seen.gone = (await send(new DeleteCollectionCommand({ CollectionId }))).StatusCode;

console.log(JSON.stringify(seen));
