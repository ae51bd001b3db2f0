// What the documentation of CompreFace's SDK for JavaScript shows, step by step, with another address alone. Prints what
// it saw as JSON. Arguments: address, port, key, folder of photographs (grace_hopper.jpg, astronaut.png).

import { readFileSync, writeSync } from "node:fs";
import { relative } from "node:path";
import { CompreFace } from "@exadel/compreface-js-sdk";

const [address, port, key, folder] = process.argv.slice(2);
console.log = () => {}; // the SDK prints addresses and keys
const path = (name) => `./${relative(process.cwd(), `${folder}/${name}`)}`;
const grace = path("grace_hopper.jpg");
const astronaut = path("astronaut.png");

const compreFace = new CompreFace(address, port);
const recognition = compreFace.initFaceRecognitionService(key);
const detection = compreFace.initFaceDetectionService(key);
const verification = compreFace.initFaceVerificationService(key);
// Collection and subjects remember the last address that they asked: each step takes new ones, as its examples do.
const faces = () => recognition.getFaceCollection();
const subjects = () => recognition.getSubjects();
const options = {
  limit: 0,
  det_prob_threshold: 0.8,
  prediction_count: 1,
  face_plugins: "calculator,age,gender,landmarks",
  status: "true",
};

const said = {};
said.added = await subjects().add("Grace Hopper");
said.subjects = await subjects().list();
const example = await faces().add(grace, encodeURIComponent("Grace Hopper"));
said.example = example;
said.faces = await faces().list();
said.recognized = await recognition.recognize(grace, options);
said.base64 = await recognition.recognize(readFileSync(grace).toString("base64"), options);
said.verified = await faces().verify(grace, example.image_id, options);
said.compared = await verification.verify(grace, astronaut, options);
said.detected = await detection.detect(astronaut, options);
said.renamed = await subjects().rename(encodeURIComponent("Grace Hopper"), "Rear Admiral Hopper");
said.bySubject = await faces().delete_all_subject(encodeURIComponent("Rear Admiral Hopper"));
const one = await faces().add(grace, "one");
const two = await faces().add(astronaut, "two");
said.several = await faces().delete_multiple_images([one.image_id]);
said.single = await faces().delete(two.image_id);
await faces().add(grace, "three");
said.all = await faces().delete_all();
await subjects().add("four");
said.subject = await subjects().delete("four");
said.allSubjects = await subjects().deleteAll();
said.left = await faces().list();
said.refused = await detection.detect(path("rocket.jpg"), options).catch((error) => error.response.data.code);
writeSync(1, JSON.stringify(said));
