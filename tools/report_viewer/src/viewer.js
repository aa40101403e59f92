// The avatar in 3D: turns by itself, plays the captured motion, and shows its texture or, if the page says it, how far it
// can be trusted.
import {
  AmbientLight, AnimationMixer, Box3, CircleGeometry, Color, DirectionalLight, Mesh, MeshBasicMaterial,
  PerspectiveCamera, Scene, SRGBColorSpace, Texture, Timer, Vector3, WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";

const TURN_SECONDS = 24;
const find = (id) => document.getElementById(id);

function bytes(id) {
  const text = atob(find(id).textContent.trim());
  const data = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) data[i] = text.charCodeAt(i);
  return data;
}

async function confidenceTexture(like) {
  const image = new Image();
  image.src = `data:image/png;base64,${find("confidence-image").textContent.trim()}`;
  await image.decode();
  const texture = new Texture(image);
  texture.flipY = like.flipY;
  texture.colorSpace = SRGBColorSpace;
  texture.needsUpdate = true;
  return texture;
}

function stage(box) {
  const scene = new Scene();
  scene.add(new AmbientLight(0xffffff, 1.9));
  for (const [x, z, strength] of [[2, 3, 1.3], [-3, -1, 0.6], [1, -3, 0.5]]) {
    const light = new DirectionalLight(0xffffff, strength);
    light.position.set(x, 3, z);
    scene.add(light);
  }
  const floor = new Mesh(new CircleGeometry(0.75, 64), new MeshBasicMaterial({ transparent: true, opacity: 0.18 }));
  floor.material.color = new Color(0x808890);
  floor.rotation.x = -Math.PI / 2;
  floor.position.y = -0.002;
  scene.add(floor);
  const camera = new PerspectiveCamera(28, 1, 0.05, 50);
  const renderer = new WebGLRenderer({ antialias: true, alpha: true });
  renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
  box.prepend(renderer.domElement);
  const controls = new OrbitControls(camera, renderer.domElement);
  controls.enableDamping = true;
  controls.autoRotate = !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  controls.autoRotateSpeed = 60 / TURN_SECONDS;
  renderer.domElement.style.touchAction = "pan-y"; // a finger that moves up or down scrolls the page
  controls.addEventListener("start", () => { controls.autoRotate = false; });
  return { scene, camera, renderer, controls };
}

function aim(camera, controls, person, width, height) {
  const size = person.getSize(new Vector3());
  const middle = person.getCenter(new Vector3());
  const half = Math.tan((camera.fov * Math.PI) / 360);
  const reach = Math.max(size.y / 2, (Math.max(size.x, size.z) / 2) * (height / width));
  const direction = camera.position.lengthSq() ? camera.position.clone().sub(controls.target) : new Vector3(0, 0.12, 1);
  camera.position.copy(middle).add(direction.setLength((1.06 * reach) / half + size.z / 2));
  controls.target.copy(middle);
}

async function start() {
  const box = find("viewer");
  const gltf = await new GLTFLoader().parseAsync(bytes("avatar-glb").buffer, "");
  const { scene, camera, renderer, controls } = stage(box);
  scene.add(gltf.scene);
  const skins = [];
  gltf.scene.traverse((node) => {
    if (!node.isMesh) return;
    node.frustumCulled = false; // it walks out of the box that it was modelled in
    skins.push({ material: node.material, texture: node.material.map });
  });
  const told = skins[0].texture && find("confidence-image");
  const confidence = told ? await confidenceTexture(skins[0].texture) : null;

  const mixer = new AnimationMixer(gltf.scene);
  const clip = gltf.animations[0];
  const action = clip && clip.duration > 0 ? mixer.clipAction(clip).play() : null;
  const person = new Box3();
  for (const share of action ? [0, 0.25, 0.5, 0.75] : [0]) {
    if (action) mixer.setTime(share * clip.duration);
    gltf.scene.updateMatrixWorld(true);
    person.union(new Box3().setFromObject(gltf.scene, true));
  }
  if (action) mixer.setTime(0);

  const show = (what) => {
    for (const { material, texture } of skins) {
      material.map = { texture, confidence, shape: null }[what];
      material.color.set(what === "shape" ? 0xb9bec6 : 0xffffff);
      material.needsUpdate = true;
    }
    box.dataset.shows = what;
    for (const button of box.querySelectorAll("[data-show]"))
      button.setAttribute("aria-pressed", String(button.dataset.show === what));
    find("legend").hidden = what !== "confidence";
  };
  for (const button of box.querySelectorAll("[data-show]"))
    button.addEventListener("click", () => show(button.dataset.show));

  const time = find("time");
  const play = find("play");
  let playing = Boolean(action);
  const setPlaying = (on) => {
    playing = on;
    play.textContent = on ? "Pause" : "Play";
  };
  if (action) {
    time.max = clip.duration;
    play.addEventListener("click", () => setPlaying(!playing));
    time.addEventListener("input", () => { setPlaying(false); mixer.setTime(Number(time.value)); });
  } else {
    play.hidden = time.hidden = true;
  }
  find("turn").addEventListener("click", () => { controls.autoRotate = !controls.autoRotate; });

  const resize = () => {
    const { clientWidth: width, clientHeight: height } = renderer.domElement.parentElement;
    renderer.setSize(width, height - find("controls").offsetHeight);
    camera.aspect = width / Math.max(1, height - find("controls").offsetHeight);
    camera.updateProjectionMatrix();
    aim(camera, controls, person, camera.aspect, 1);
  };
  new ResizeObserver(resize).observe(box);
  resize();
  show("texture");
  setPlaying(playing);

  let visible = true;
  new IntersectionObserver((entries) => { visible = entries[entries.length - 1].isIntersecting; }).observe(box);
  const timer = new Timer();
  let drawn = 0;
  renderer.setAnimationLoop(() => {
    timer.update();
    const step = Math.min(timer.getDelta(), 0.1);
    if (!visible) return;
    if (playing) {
      mixer.update(step);
      time.value = action.time;
    }
    controls.update(step);
    renderer.render(scene, camera);
    box.dataset.drawn = ++drawn;
    if (drawn === 1) find("poster").hidden = true;
  });
}

function video() {
  const element = find("overlay-video");
  if (!element) return;
  element.src = URL.createObjectURL(new Blob([bytes("overlay-mp4")], { type: "video/mp4" }));
}

video();
start().catch((error) => {
  find("viewer").dataset.failed = String(error);
  find("viewer-note").textContent = `This browser cannot show the avatar in 3D (${error.message || error}).`;
  find("controls").hidden = true;
});
